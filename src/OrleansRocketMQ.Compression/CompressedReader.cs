using System.Buffers.Binary;

namespace OrleansRocketMQ.Compression;

/// <summary>Goes through compressed data from its start; what is missing at the end is an error that says what it was.</summary>
internal ref struct CompressedReader(ReadOnlySpan<byte> data)
{
    private ReadOnlySpan<byte> _left = data;

    public readonly bool IsAtEnd => _left.IsEmpty;

    public readonly int Left => _left.Length;

    public byte Byte(string what) => Take(1, what)[0];

    public ushort UInt16(string what) => BinaryPrimitives.ReadUInt16LittleEndian(Take(2, what));

    public uint UInt24(string what)
    {
        var bytes = Take(3, what);
        return bytes[0] | ((uint)bytes[1] << 8) | ((uint)bytes[2] << 16);
    }

    public uint UInt32(string what) => BinaryPrimitives.ReadUInt32LittleEndian(Take(4, what));

    public ulong UInt64(string what) => BinaryPrimitives.ReadUInt64LittleEndian(Take(8, what));

    /// <exception cref="InvalidDataException">There are not that many bytes left.</exception>
    public ReadOnlySpan<byte> Take(uint count, string what)
    {
        if (count > (uint)_left.Length)
        {
            throw new InvalidDataException($"cut off: {_left.Length} of {count} bytes of {what} are there");
        }

        var taken = _left[..(int)count];
        _left = _left[(int)count..];
        return taken;
    }

    public ReadOnlySpan<byte> TakeRest()
    {
        var rest = _left;
        _left = default;
        return rest;
    }
}
