using System.Globalization;
using System.Net;
using System.Net.Sockets;
using OrleansRocketMQ.SiloHost.Errors;

namespace OrleansRocketMQ.SiloHost.Hosting;

/// <summary>
/// Looks at the ports before anything starts: a silo that finds its port taken half-way through its start needs
/// seconds to give up, and buries the reason under stack traces.
/// </summary>
internal static class Ports
{
    /// <summary>Reads a port from the settings.</summary>
    /// <exception cref="RocketMQConfigurationException">It is none.</exception>
    public static int Read(IConfiguration configuration, string key, int ifMissing, int least = 1)
    {
        if (configuration[key] is not { Length: > 0 } text)
        {
            return ifMissing;
        }

        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port)
            && port >= least
            && port <= IPEndPoint.MaxPort
            ? port
            : throw new RocketMQConfigurationException(key, text, $"a port, {least} to {IPEndPoint.MaxPort}");
    }

    /// <exception cref="StartException">The port is taken.</exception>
    public static void CheckFree(IPAddress address, int port, string what, string hint)
    {
        if (port == 0)
        {
            return;
        }

        try
        {
            using var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(new IPEndPoint(address, port));
            socket.Listen(1);
        }
        catch (SocketException exception)
        {
            throw new StartException(
                $"{what} cannot listen on {new IPEndPoint(address, port)}: {exception.Message.ToLowerInvariant()}. {hint}",
                exception);
        }
    }
}
