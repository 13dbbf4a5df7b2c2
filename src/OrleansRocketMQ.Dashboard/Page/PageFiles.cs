using System.Collections.Frozen;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace OrleansRocketMQ.Dashboard.Page;

/// <summary>The page and what it loads: resources of this assembly, told apart by their hash.</summary>
internal static class PageFiles
{
    private static readonly FrozenDictionary<string, PageFile> s_all = new[]
    {
        Load("index.html", "text/html; charset=utf-8"),
        Load("app.css", "text/css; charset=utf-8"),
        Load("app.js", "text/javascript; charset=utf-8"),
    }.ToFrozenDictionary(file => file.Name);

    // A browser asks each time and is mostly answered 304: a page of a new version never runs with a script of an old one.
    public static IResult Get(HttpContext context, string name)
    {
        var file = s_all[name];
        context.Response.Headers.CacheControl = "no-cache";
        return Results.Bytes(file.Bytes, file.ContentType, entityTag: file.Tag);
    }

    private static PageFile Load(string name, string contentType)
    {
        using var stream = typeof(PageFiles).Assembly.GetManifestResourceStream(name)
            ?? throw new InvalidOperationException($"The assembly lacks its resource {name}.");
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return new(name, contentType, bytes, new EntityTagHeaderValue($"\"{Convert.ToHexStringLower(SHA256.HashData(bytes)[..8])}\""));
    }

    private sealed record PageFile(string Name, string ContentType, byte[] Bytes, EntityTagHeaderValue Tag);
}
