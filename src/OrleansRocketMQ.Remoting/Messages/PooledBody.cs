using System.Buffers;
using System.Runtime.InteropServices;

namespace OrleansRocketMQ;

/// <summary>
/// What one pull brought, in an array of a pool: it goes back when the last of those who hold it lets go, and whoever reads it
/// afterwards is told, also by a slice that was kept. Never used for another answer, so what is over stays over. One object for
/// each pull. Thread-safe.
/// </summary>
internal sealed class PooledBody : MemoryManager<byte>
{
    private readonly ArrayPool<byte> _pool;
    private readonly int _length;
    private byte[]? _bytes;
    private int _holders = 1;

    private PooledBody(int length, ArrayPool<byte> pool)
    {
        _pool = pool;
        _length = length;
        _bytes = pool.Rent(length);
    }

    /// <summary>The array, which may be longer than what is in it.</summary>
    /// <exception cref="ObjectDisposedException">It has gone back.</exception>
    public byte[] Bytes => Volatile.Read(ref _bytes) ?? throw Gone();

    /// <summary>A copy of what has been received; who asks for it holds it.</summary>
    public static PooledBody Copy(in ReadOnlySequence<byte> received, ArrayPool<byte> pool)
    {
        var body = new PooledBody((int)received.Length, pool);
        received.CopyTo(body._bytes);
        return body;
    }

    /// <summary>The one that some bytes are of; null when they are somebody's own.</summary>
    public static PooledBody? Of(ReadOnlyMemory<byte> bytes)
        => MemoryMarshal.TryGetMemoryManager<byte, PooledBody>(bytes, out var body) ? body : null;

    /// <summary>One more holds it.</summary>
    /// <returns>False when it has gone back.</returns>
    public bool TryHold()
    {
        for (var holders = Volatile.Read(ref _holders); holders > 0; holders = Volatile.Read(ref _holders))
        {
            if (Interlocked.CompareExchange(ref _holders, holders + 1, holders) == holders)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>One less holds it; after the last one it is the pool's.</summary>
    public void Release()
    {
        var left = Interlocked.Decrement(ref _holders);
        if (left == 0)
        {
            _pool.Return(Interlocked.Exchange(ref _bytes, null)!);
        }
        else if (left < 0)
        {
            throw new InvalidOperationException("A pooled body was let go of more often than it was held.");
        }
    }

    public override Span<byte> GetSpan() => Bytes.AsSpan(0, _length);

    // The array stays where it is as long as somebody pins it, also when it is somebody else's by then.
    public override MemoryHandle Pin(int elementIndex = 0) => Bytes.AsMemory(elementIndex).Pin();

    public override void Unpin()
    {
    }

    protected override bool TryGetArray(out ArraySegment<byte> segment)
    {
        segment = new(Bytes, 0, _length);
        return true;
    }

    protected override void Dispose(bool disposing)
    {
    }

    private static ObjectDisposedException Gone() => new(
        "LeasedMessage",
        "The message was leased, and its bytes have gone back to their pool. They may be read only inside of the listener's call; "
            + "LeasedMessage.ToOwned() makes a copy that stays.");
}
