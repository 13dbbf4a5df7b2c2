using System.Buffers.Binary;
using System.Numerics;

namespace OrleansRocketMQ.Compression;

/// <summary>
/// Reads a bit stream from its end to its start, as Huffman and FSE data are written. The highest set bit of the last
/// byte marks where it begins. Reading past the start gives zeros and makes <see cref="Left"/> negative; who reads must
/// look at that in the end, or before he trusts what he has read.
/// </summary>
internal ref struct BackwardBits
{
    private readonly ReadOnlySpan<byte> _bytes;

    public BackwardBits(ReadOnlySpan<byte> bytes, string what)
    {
        if (bytes.IsEmpty || bytes[^1] == 0)
        {
            throw new InvalidDataException($"the bit stream of {what} has no end mark");
        }

        _bytes = bytes;
        Left = ((bytes.Length - 1) * 8) + BitOperations.Log2(bytes[^1]);
    }

    /// <summary>Bits not read yet; negative when more were read than there are.</summary>
    public int Left { get; private set; }

    /// <summary>Reads up to 32 bits.</summary>
    public uint Read(int count)
    {
        var value = Peek(count);
        Left -= count;
        return value;
    }

    public void Skip(int count) => Left -= count;

    /// <summary>The next bits, up to 32, without going on.</summary>
    public readonly uint Peek(int count)
    {
        var mask = (1UL << count) - 1;
        var first = Left - count;
        if (first >= 0)
        {
            return (uint)((Load(first >> 3) >> (first & 7)) & mask);
        }

        // Zeros stand where the stream has ended.
        return first <= -32 ? 0 : (uint)((Load(0) << -first) & mask);
    }

    private readonly ulong Load(int index)
    {
        if (_bytes.Length - index >= sizeof(ulong))
        {
            return BinaryPrimitives.ReadUInt64LittleEndian(_bytes[index..]);
        }

        var value = 0UL;
        for (var at = _bytes.Length - 1; at >= index; at--)
        {
            value = (value << 8) | _bytes[at];
        }

        return value;
    }
}
