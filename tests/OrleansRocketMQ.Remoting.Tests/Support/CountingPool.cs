using System.Buffers;
using System.Collections.Concurrent;

namespace OrleansRocketMQ.Tests.Support;

/// <summary>A pool that knows which of its arrays are out, and spoils what comes back, so that whoever still reads it is seen.</summary>
internal sealed class CountingPool : ArrayPool<byte>
{
    private readonly ConcurrentDictionary<byte[], bool> _out = new(ReferenceEqualityComparer.Instance);
    private int _rented;

    public int Rented => Volatile.Read(ref _rented);

    /// <summary>How many arrays are out.</summary>
    public int Out => _out.Count;

    public override byte[] Rent(int minimumLength)
    {
        Interlocked.Increment(ref _rented);
        var array = new byte[minimumLength + 100];
        _out[array] = true;
        return array;
    }

    public override void Return(byte[] array, bool clearArray = false)
    {
        Assert.True(_out.TryRemove(array, out _), "An array came back twice.");
        Array.Fill(array, (byte)0xEE);
    }
}
