using System.Buffers.Binary;
using System.Net.Sockets;

namespace OrleansRocketMQ.Tests.Infrastructure;

/// <summary>Breaks the second record of pulls' answers.</summary>
internal sealed class CorruptingProxy : BrokerProxy
{
    private int _toCorrupt;

    public int ToCorrupt => Volatile.Read(ref _toCorrupt);

    /// <summary>The one queue offset whose record is broken wherever it stands in an answer; null: the second record of each.</summary>
    public long? CorruptOnlyOffset { get; set; }

    public void CorruptNextPulls(int count) => Volatile.Write(ref _toCorrupt, count);

    protected override void Relay(Socket client, Socket server)
    {
        _ = RelayAsync(client, server, corrupt: false);
        _ = RelayAsync(server, client, corrupt: true);
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
