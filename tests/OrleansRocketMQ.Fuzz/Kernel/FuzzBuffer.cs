using System.Buffers.Binary;

namespace OrleansRocketMQ.Fuzz.Kernel;

/// <summary>An input while it is being changed; no longer than <see cref="Capacity"/>.</summary>
internal sealed class FuzzBuffer
{
    public const int Capacity = 32 * 1024;

    private readonly byte[] _bytes = new byte[Capacity];

    public int Length { get; private set; }

    public Span<byte> Span => _bytes.AsSpan(0, Length);

    public void Set(ReadOnlySpan<byte> bytes)
    {
        bytes = bytes[..Math.Min(bytes.Length, Capacity)];
        bytes.CopyTo(_bytes);
        Length = bytes.Length;
    }

    public void Cut(int length) => Length = Math.Min(length, Length);

    public void Remove(int at, int count)
    {
        _bytes.AsSpan(at + count, Length - at - count).CopyTo(_bytes.AsSpan(at));
        Length -= count;
    }

    public void Insert(int at, ReadOnlySpan<byte> bytes)
    {
        bytes = bytes[..Math.Min(bytes.Length, Capacity - Length)];
        _bytes.AsSpan(at, Length - at).CopyTo(_bytes.AsSpan(at + bytes.Length));
        bytes.CopyTo(_bytes.AsSpan(at));
        Length += bytes.Length;
    }

    public void Overwrite(int at, ReadOnlySpan<byte> bytes) => bytes[..Math.Min(bytes.Length, Length - at)].CopyTo(_bytes.AsSpan(at));

    public void WriteInt32(int at, int value) => BinaryPrimitives.WriteInt32BigEndian(_bytes.AsSpan(at), value);
}
