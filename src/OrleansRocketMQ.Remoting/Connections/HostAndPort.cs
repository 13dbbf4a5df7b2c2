using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;

namespace OrleansRocketMQ.Connections;

/// <summary>A server's address as RocketMQ writes it: <c>host:port</c>, where host is a name, an IPv4 or an IPv6 address.</summary>
/// <param name="Host">The name or address; an IPv6 address without brackets.</param>
/// <param name="Port">The port.</param>
public readonly record struct HostAndPort(string Host, int Port)
{
    /// <summary>Reads <c>host:port</c>; an IPv6 address may stand in brackets or, as RocketMQ writes it, without.</summary>
    /// <exception cref="RocketMQValidationException">The text is not such an address.</exception>
    public static HostAndPort Parse(string? text, string field = "Address")
        => TryParse(text, out var parsed)
            ? parsed
            : throw new RocketMQValidationException(field, text, "host:port with a port from 1 to 65535");

    /// <summary>Reads <c>host:port</c>, or tells that the text is none.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out HostAndPort parsed)
    {
        parsed = default;
        var colon = text?.LastIndexOf(':') ?? -1;
        if (colon <= 0
            || !int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port)
            || port is < 1 or > 65535)
        {
            return false;
        }

        var host = text![..colon];
        if (host.StartsWith('[') && host.EndsWith(']'))
        {
            host = host[1..^1];
        }

        // A host name holds no colon and no blank; with a colon it must be an IPv6 address.
        if (Uri.CheckHostName(host) == UriHostNameType.Unknown)
        {
            return false;
        }

        parsed = new HostAndPort(host, port);
        return true;
    }

    /// <summary>The end point to connect to; a host name is resolved at that time.</summary>
    public EndPoint ToEndPoint() => IPAddress.TryParse(Host, out var ip) ? new IPEndPoint(ip, Port) : new DnsEndPoint(Host, Port);

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Host}:{Port}");
}
