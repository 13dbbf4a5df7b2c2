using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;

namespace OrleansRocketMQ.Testing;

/// <summary>
/// Ports for a program to listen on. From a range below the one that systems take ports from by themselves, so that no
/// outgoing connection and no "any free port" of another test gets in between the choice and the program's start.
/// </summary>
internal static class FreePorts
{
    private const int First = 20000;
    private const int Count = 9000;

    public static int[] Take(int count) => [.. Enumerable.Range(0, count).Select(_ => TakeOne())];

    private static int TakeOne()
    {
        for (var attempt = 0; attempt < 100; attempt++)
        {
            // Test processes that run at the same time must not try the same ports.
            var port = First + Random.Shared.Next(Count);
            if (IsFree(port))
            {
                return port;
            }
        }

        throw new InvalidOperationException($"No free port from {First} to {First + Count} in 100 attempts.");
    }

    private static bool IsFree(int port)
    {
        if (IPGlobalProperties.GetIPGlobalProperties().GetActiveTcpListeners().Any(listener => listener.Port == port))
        {
            return false;
        }

        try
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(new IPEndPoint(IPAddress.Loopback, port));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
