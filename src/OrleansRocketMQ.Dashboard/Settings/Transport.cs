using System.Net;
using Microsoft.AspNetCore.Http;

namespace OrleansRocketMQ.Dashboard.Settings;

/// <summary>
/// Whether what goes between the dashboard and a caller can be read on its way. What does not leave this machine cannot: a
/// proxy here that speaks TLS to others is why loopback counts.
/// </summary>
internal static class Transport
{
    // Nothing but TCP has an address of an IP network: a Unix socket has none.
    public static bool IsPrivate(HttpContext context)
        => context.Request.IsHttps || context.Connection.RemoteIpAddress is not { } remote || IsLoopback(remote);

    /// <summary>Whether a server that listens there gives its callers a private way to it.</summary>
    /// <exception cref="FormatException">It is no address.</exception>
    public static bool IsPrivate(string address)
    {
        var parsed = BindingAddress.Parse(address);
        return parsed.Scheme.Equals(Uri.UriSchemeHttps, StringComparison.OrdinalIgnoreCase)
            || parsed.IsUnixPipe
            || parsed.IsNamedPipe
            || IsLoopbackName(parsed.Host);
    }

    public static bool IsLoopbackName(string host)
        => host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
            || (IPAddress.TryParse(host.AsSpan().Trim("[]"), out var address) && IPAddress.IsLoopback(address));

    private static bool IsLoopback(IPAddress address) => IPAddress.IsLoopback(address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address);
}
