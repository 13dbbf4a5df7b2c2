using System.Net;
using System.Net.Sockets;
using OrleansRocketMQ.Embedded;

namespace OrleansRocketMQ.Tests.Infrastructure;

/// <summary>
/// Stands between clients and a broker and, when told to, takes everything on the connections there are and passes nothing
/// on, without closing them; new connections work. Listens on a second address of this machine, which the broker has to
/// tell as its own.
/// </summary>
internal sealed class SwallowingProxy : IAsyncDisposable
{
    private static int s_addresses = 100;
    private readonly IPAddress _address = IPAddress.Parse($"127.0.0.{Interlocked.Increment(ref s_addresses)}");
    private readonly CancellationTokenSource _stopping = new();
    private readonly List<Socket> _sockets = [];
    private readonly List<TcpListener> _listeners = [];
    private int _generation;
    private int _opened;

    /// <summary>For the broker that is to stand behind this.</summary>
    public EmbeddedRocketMQOptions Options => TestRocketMQ.QuickRetries with { AdvertisedAddress = _address };

    /// <summary>How many connections clients have opened.</summary>
    public int Opened => Volatile.Read(ref _opened);

    public void Start(EmbeddedRocketMQ rocketmq)
    {
        Listen(PortOf(rocketmq.Broker.Address));
        Listen(PortOf(rocketmq.NameServerAddress));
    }

    /// <summary>The connections there are go dumb.</summary>
    public void Swallow() => Interlocked.Increment(ref _generation);

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        _listeners.ForEach(listener => listener.Stop());
        lock (_sockets)
        {
            _sockets.ForEach(socket => socket.Dispose());
        }

        _stopping.Dispose();
    }

    private static int PortOf(string address) => int.Parse(address.Split(':')[1], System.Globalization.CultureInfo.InvariantCulture);

    private void Listen(int port)
    {
        var listener = new TcpListener(_address, port);
        listener.Start();
        _listeners.Add(listener);
        _ = AcceptAsync(listener, port);
    }

    private async Task AcceptAsync(TcpListener listener, int port)
    {
        try
        {
            while (true)
            {
                var client = await listener.AcceptSocketAsync(_stopping.Token);
                var server = new Socket(SocketType.Stream, ProtocolType.Tcp);
                lock (_sockets)
                {
                    _sockets.AddRange([client, server]);
                }

                await server.ConnectAsync(IPAddress.Loopback, port);
                Interlocked.Increment(ref _opened);
                var generation = Volatile.Read(ref _generation);
                _ = RelayAsync(client, server, generation);
                _ = RelayAsync(server, client, generation);
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private async Task RelayAsync(Socket from, Socket to, int generation)
    {
        var buffer = new byte[64 * 1024];
        try
        {
            int read;
            while ((read = await from.ReceiveAsync(buffer)) > 0)
            {
                if (generation == Volatile.Read(ref _generation))
                {
                    await to.SendAsync(buffer.AsMemory(0, read));
                }
            }
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // Closed by one side or the other.
        }

        if (generation == Volatile.Read(ref _generation))
        {
            from.Dispose();
            to.Dispose();
        }
    }
}
