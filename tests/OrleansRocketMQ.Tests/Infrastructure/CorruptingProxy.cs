using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using OrleansRocketMQ.Embedded;

namespace OrleansRocketMQ.Tests.Infrastructure;

/// <summary>
/// Stands between clients and a broker and breaks the second record of pulls' answers. Listens on a second address of
/// this machine, which the broker has to tell as its own.
/// </summary>
internal sealed class CorruptingProxy : IAsyncDisposable
{
    private static int s_addresses = 1;
    private readonly IPAddress _address = IPAddress.Parse($"127.0.0.{Interlocked.Increment(ref s_addresses)}");
    private readonly CancellationTokenSource _stopping = new();
    private readonly List<Socket> _sockets = [];
    private TcpListener? _listener;
    private TcpListener? _names;
    private int _toCorrupt;

    /// <summary>For the broker that is to stand behind this.</summary>
    public EmbeddedRocketMQOptions Options => TestRocketMQ.QuickRetries with { AdvertisedAddress = _address };

    public int ToCorrupt => Volatile.Read(ref _toCorrupt);

    /// <summary>The one queue offset whose record is broken wherever it stands in an answer; null: the second record of each.</summary>
    public long? CorruptOnlyOffset { get; set; }

    public void CorruptNextPulls(int count) => Volatile.Write(ref _toCorrupt, count);

    public void Start(EmbeddedRocketMQ rocketmq)
    {
        _names = Listen(PortOf(rocketmq.NameServerAddress));
        _listener = Listen(PortOf(rocketmq.Broker.Address));
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        _listener?.Stop();
        _names?.Stop();
        lock (_sockets)
        {
            _sockets.ForEach(socket => socket.Dispose());
        }

        _stopping.Dispose();
    }

    private static int PortOf(string address) => int.Parse(address.Split(':')[1], System.Globalization.CultureInfo.InvariantCulture);

    private TcpListener Listen(int port)
    {
        var listener = new TcpListener(_address, port);
        listener.Start();
        _ = AcceptAsync(listener, port);
        return listener;
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
                _ = RelayAsync(client, server, corrupt: false);
                _ = RelayAsync(server, client, corrupt: true);
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private async Task RelayAsync(Socket from, Socket to, bool corrupt)
    {
        try
        {
            await using var input = new NetworkStream(from);
            await using var output = new NetworkStream(to);
            var length = new byte[4];
            while (true)
            {
                await input.ReadExactlyAsync(length);
                var frame = new byte[4 + BinaryPrimitives.ReadInt32BigEndian(length)];
                length.CopyTo(frame, 0);
                await input.ReadExactlyAsync(frame.AsMemory(4));
                if (corrupt)
                {
                    Corrupt(frame);
                }

                await output.WriteAsync(frame);
            }
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException or SocketException)
        {
            from.Dispose();
            to.Dispose();
        }
    }

    /// <summary>Only answers to pulls have a body of several records that each begin with their length and a magic code.</summary>
    private void Corrupt(byte[] frame)
    {
        var header = BinaryPrimitives.ReadInt32BigEndian(frame.AsSpan(4)) & 0xFFFFFF;
        var body = frame.AsSpan(8 + header);
        if (body.Length < 200 || BinaryPrimitives.ReadInt32BigEndian(body) is var first && (first < 90 || first > body.Length - 100) || ToCorrupt == 0)
        {
            return;
        }

        if (CorruptOnlyOffset is { } offset)
        {
            for (var at = 0; at < body.Length; at += BinaryPrimitives.ReadInt32BigEndian(body[at..]))
            {
                if (BinaryPrimitives.ReadInt64BigEndian(body[(at + 20)..]) == offset)
                {
                    BinaryPrimitives.WriteInt32BigEndian(body[(at + 4)..], 42);
                }
            }

            return;
        }

        BinaryPrimitives.WriteInt32BigEndian(body[(first + 4)..], 42);
        if (ToCorrupt != int.MaxValue)
        {
            Interlocked.Decrement(ref _toCorrupt);
        }
    }
}
