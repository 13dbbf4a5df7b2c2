using System.Net;
using Microsoft.AspNetCore.Http;
using OrleansRocketMQ.Dashboard.Settings;

namespace OrleansRocketMQ.Dashboard.Access;

/// <summary>
/// Whether a request comes from this machine and was meant for it. The address alone does not tell: a page on the web can
/// have its own name resolve to 127.0.0.1 (DNS rebinding), and a proxy on this machine speaks for others.
/// </summary>
internal static class LocalRequests
{
    // What proxies, ingresses, meshes and content networks add; a browser on this machine sends none of them.
    private static readonly string[] s_headersOfProxies =
    [
        "Via", "Forwarded", "True-Client-IP", "Client-IP", "X-Client-IP", "X-Cluster-Client-IP", "X-ProxyUser-Ip",
        "X-Request-Id", "X-Scheme", "X-Host", "Proxy-Connection",
    ];

    // With the headers that the middleware for forwarded headers leaves behind of those it has read.
    private static readonly string[] s_beginningsOfProxies =
    [
        "X-Forwarded", "X-Original-", "X-Real-", "X-Envoy-", "X-Istio-", "X-ARR-", "X-Azure-", "X-Amzn-", "X-Appengine-",
        "X-Goog-", "CF-", "Fastly-", "X-B3-", "L5d-",
    ];

    public static bool IsLocal(HttpContext context)
        => context.Connection.RemoteIpAddress is { } address
            && IsThisMachine(address)
            && Transport.IsLoopbackName(context.Request.Host.Host)
            && !WasForwarded(context.Request)
            && !IsFromElsewhere(context.Request.Headers);

    // Not all of 127.0.0.0/8: Istio brings what comes from other machines from 127.0.0.6.
    private static bool IsThisMachine(IPAddress address)
        => IPAddress.Loopback.Equals(address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address) || IPAddress.IPv6Loopback.Equals(address);

    // No browser speaks HTTP/1.0; nginx does to what is behind it, and adds no header unless it is told to.
    private static bool WasForwarded(HttpRequest request)
        => HttpProtocol.IsHttp10(request.Protocol)
            || s_headersOfProxies.Any(request.Headers.ContainsKey)
            || request.Headers.Keys.Any(name => s_beginningsOfProxies
                .Any(beginning => name.StartsWith(beginning, StringComparison.OrdinalIgnoreCase)));

    /// <summary>Whether the browser has the page under a name that is not this machine's, or comes from a page that has one.</summary>
    private static bool IsFromElsewhere(IHeaderDictionary headers)
        => IsElsewhere(headers.Origin.ToString()) || IsElsewhere(headers.Referer.ToString());

    private static bool IsElsewhere(string url)
        => url.Length > 0 && !(Uri.TryCreate(url, UriKind.Absolute, out var from) && Transport.IsLoopbackName(from.Host));
}
