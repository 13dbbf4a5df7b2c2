using System.Net;
using System.Net.Sockets;
using OrleansRocketMQ.Embedded;

namespace OrleansRocketMQ.Tests.Infrastructure;

/// <summary>
/// Stands between clients and a broker. Listens on a second address of this machine, which the broker has to tell as its own.
/// </summary>
internal abstract class BrokerProxy : IAsyncDisposable
{
    private static int s_addresses = 1;
    private readonly IPAddress _address = IPAddress.Parse($"127.0.0.{Interlocked.Increment(ref s_addresses)}");
    private readonly CancellationTokenSource _stopping = new();
    private readonly List<Socket> _sockets = [];
    private readonly List<TcpListener> _listeners = [];

    /// <summary>For the broker that is to stand behind this.</summary>
    public EmbeddedRocketMQOptions Options => TestRocketMQ.QuickRetries with { AdvertisedAddress = _address };

    public void Start(EmbeddedRocketMQ rocketmq)
    {
        Listen(PortOf(rocketmq.NameServerAddress));
        Listen(PortOf(rocketmq.Broker.Address));
    }

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

    /// <summary>A client has connected, and so has this to the server: passes on what comes, both ways, without being waited for.</summary>
    protected abstract void Relay(Socket client, Socket server);

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
                Relay(client, server);
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }
}
