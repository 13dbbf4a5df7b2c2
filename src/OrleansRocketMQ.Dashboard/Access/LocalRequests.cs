using System.Net;
using Microsoft.AspNetCore.Http;

namespace OrleansRocketMQ.Dashboard.Access;

/// <summary>
/// Whether a request comes from this machine and was meant for it. The address alone does not tell: a page on the web can
/// have its own name resolve to 127.0.0.1 (DNS rebinding), and a proxy on this machine speaks for others.
/// </summary>
internal static class LocalRequests
{
    public static bool IsLocal(HttpContext context)
        => context.Connection.RemoteIpAddress is { } address
            && IPAddress.IsLoopback(address)
            && IsLoopbackName(context.Request.Host.Host)
            && !WasForwarded(context.Request.Headers);

    internal static bool IsLoopbackName(string host)
        => host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
            || (IPAddress.TryParse(host.AsSpan().Trim("[]"), out var address) && IPAddress.IsLoopback(address));

    private static bool WasForwarded(IHeaderDictionary headers)
        => headers.ContainsKey("Forwarded") || headers.ContainsKey("X-Forwarded-For") || headers.ContainsKey("X-Forwarded-Host");
}
