using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>
/// What one way to another process and back costs on this machine while something else is measured: the unit that latencies are told in,
/// since milliseconds depend on the machine and on what runs beside. 64 bytes over a TCP connection of its own, one after the other, at a pace.
/// </summary>
internal sealed class RoundTrips : IDisposable
{
    private const int Length = 64;
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(2);

    private readonly List<double> _milliseconds = new(100_000);
    private readonly Process _echo;
    private readonly Socket _socket = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private readonly Thread _thread;
    private volatile bool _isOver;

    private RoundTrips(Process echo, int port)
    {
        _echo = echo;
        _socket.Connect(IPAddress.Loopback, port);
        _thread = new Thread(Run) { IsBackground = true, Name = "round trips" };
        _thread.Start();
    }

    /// <summary>Begins to measure, until <see cref="End"/>.</summary>
    public static RoundTrips Begin()
    {
        var echo = Suite.Spawn("echo", redirect: true);
        var port = echo.StandardOutput.ReadLine() ?? throw new InvalidOperationException("the echo did not start");
        return new(echo, int.Parse(port, CultureInfo.InvariantCulture));
    }

    /// <summary>The other end, a process of its own. Ends when its connection does.</summary>
    public static int RunEcho()
    {
        using var listener = new Socket(SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        Console.WriteLine(((IPEndPoint)listener.LocalEndPoint!).Port.ToString(CultureInfo.InvariantCulture));
        using var socket = listener.Accept();
        socket.NoDelay = true;
        var buffer = new byte[Length];
        while (socket.Receive(buffer) is > 0 and var received)
        {
            socket.Send(buffer.AsSpan(0, received));
        }

        return 0;
    }

    /// <summary>Ends measuring; the median in milliseconds.</summary>
    public double End()
    {
        _isOver = true;
        _thread.Join();
        return new Spread(_milliseconds).Median;
    }

    public void Dispose()
    {
        _isOver = true;
        _socket.Dispose();
        _echo.WaitForExit(TimeSpan.FromSeconds(5));
        _echo.Dispose();
    }

    private void Run()
    {
        var buffer = new byte[Length];
        while (!_isOver)
        {
            var start = Stopwatch.GetTimestamp();
            _socket.Send(buffer);
            for (var received = 0; received < Length;)
            {
                received += _socket.Receive(buffer.AsSpan(received));
            }

            _milliseconds.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            Thread.Sleep(Pace);
        }
    }
}
