using System.Net.Sockets;

namespace OrleansRocketMQ.Connections;

/// <summary>
/// Has the system find out that the other side is gone without a word: it asks on quiet connections, and gives up on
/// sent bytes that nobody acknowledges after half a minute instead of a quarter of an hour.
/// </summary>
internal static class TcpLiveness
{
    private const int QuietSeconds = 30;
    private const int ProbeSeconds = 10;
    private const int Probes = 3;
    private const int UnacknowledgedMilliseconds = 30_000;

    // IPPROTO_TCP and TCP_USER_TIMEOUT of Linux; .NET has no name for it.
    private const int TcpLevel = 6;
    private const int TcpUserTimeout = 18;

    public static void Watch(Socket socket)
    {
        try
        {
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, QuietSeconds);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, ProbeSeconds);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, Probes);
            if (OperatingSystem.IsLinux())
            {
                socket.SetRawSocketOption(TcpLevel, TcpUserTimeout, BitConverter.GetBytes(UnacknowledgedMilliseconds));
            }
        }
        catch (SocketException)
        {
            // A system without one of them still has the time-outs of requests.
        }
    }
}
