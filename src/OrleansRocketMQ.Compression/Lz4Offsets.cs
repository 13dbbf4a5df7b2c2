using System.Buffers.Binary;

namespace OrleansRocketMQ.Compression;

/// <summary>
/// Finds matches at distance 0 in a frame that was decoded already. The format forbids them, and the library copies what
/// happened to stand in its buffer: bytes of another message, with no error.
/// </summary>
internal static class Lz4Offsets
{
    private const byte ContentSizeFlag = 0x08;
    private const byte BlockChecksumFlag = 0x10;
    private const int Extended = 15;

    /// <param name="frame">Begins with a frame; more may follow it.</param>
    /// <exception cref="InvalidDataException">There is such a match.</exception>
    public static void Check(ReadOnlySpan<byte> frame)
    {
        var flags = frame[4];
        var position = 7 + ((flags & ContentSizeFlag) != 0 ? 8 : 0);
        while (position + sizeof(uint) <= frame.Length && BinaryPrimitives.ReadUInt32LittleEndian(frame[position..]) is var size and not 0)
        {
            position += sizeof(uint);
            var length = (int)Math.Min(size & 0x7FFFFFFF, (uint)(frame.Length - position));
            if (size >> 31 == 0)
            {
                CheckBlock(frame.Slice(position, length));
            }

            position += length + ((flags & BlockChecksumFlag) != 0 ? sizeof(uint) : 0);
        }
    }

    private static void CheckBlock(ReadOnlySpan<byte> block)
    {
        var position = 0;
        while (position < block.Length)
        {
            var token = block[position++];
            var afterLiterals = Length(block, ref position, token >> 4) + position;
            if (afterLiterals + sizeof(ushort) > block.Length)
            {
                // The last sequence has literals only.
                return;
            }

            position = (int)afterLiterals;
            if (block[position] == 0 && block[position + 1] == 0)
            {
                throw new InvalidDataException("no LZ4 data: an LZ4 match 0 bytes back");
            }

            position += sizeof(ushort);
            _ = Length(block, ref position, token & Extended);
        }
    }

    private static long Length(ReadOnlySpan<byte> block, ref int position, int length)
    {
        long sum = length;
        if (length == Extended)
        {
            byte more;
            do
            {
                more = position < block.Length ? block[position++] : (byte)0;
                sum += more;
            }
            while (more == byte.MaxValue);
        }

        return sum;
    }
}
