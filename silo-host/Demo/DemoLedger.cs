using System.Buffers.Binary;

namespace OrleansRocketMQ.SiloHost.Demo;

/// <summary>Keeps book of what was sent in this run and what came back. Thread-safe.</summary>
internal sealed class DemoLedger
{
    /// <summary>What a body needs at least, to tell its run and its number.</summary>
    public const int HeaderLength = 24;

    private readonly Guid _run = Guid.NewGuid();
    private readonly Lock _gate = new();
    private readonly List<ulong> _seen = [];
    private long _sent;
    private long _consumed;
    private long _duplicates;

    public long Sent => Interlocked.Read(ref _sent);

    /// <summary>Different messages of this run that were consumed.</summary>
    public long Consumed => Interlocked.Read(ref _consumed);

    public long Duplicates => Interlocked.Read(ref _duplicates);

    /// <summary>A body that tells its run and its number.</summary>
    public byte[] NewBody(long number, int length)
    {
        var body = new byte[length];
        _run.TryWriteBytes(body);
        BinaryPrimitives.WriteInt64BigEndian(body.AsSpan(16), number);
        return body;
    }

    public void CountSent(int messages) => Interlocked.Add(ref _sent, messages);

    public void CountConsumed(ReadOnlySpan<byte> body)
    {
        // The topic may hold messages of earlier runs and of other hosts; they are none of ours.
        if (body.Length < HeaderLength || new Guid(body[..16]) != _run)
        {
            return;
        }

        var number = BinaryPrimitives.ReadInt64BigEndian(body[16..]);
        var word = (int)(number / 64);
        var bit = 1UL << (int)(number % 64);
        lock (_gate)
        {
            while (_seen.Count <= word)
            {
                _seen.Add(0);
            }

            if ((_seen[word] & bit) == 0)
            {
                _seen[word] |= bit;
                _consumed++;
            }
            else
            {
                _duplicates++;
            }
        }
    }
}
