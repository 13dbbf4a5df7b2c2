using System.Globalization;
using System.Net;

namespace OrleansRocketMQ.Chaos.World.Brokers;

/// <summary>A server's address and port.</summary>
internal sealed record HostAndPort(IPAddress Address, int Port)
{
    /// <exception cref="FormatException">It is neither an address nor a name with a port.</exception>
    public static HostAndPort Parse(string text)
    {
        if (text.Split(':') is not [var host, var port])
        {
            throw new FormatException($"'{text}' is no host:port.");
        }

        return new(IPAddress.TryParse(host, out var address) ? address : Dns.GetHostAddresses(host)[0], int.Parse(port, CultureInfo.InvariantCulture));
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Address}:{Port}");
}
