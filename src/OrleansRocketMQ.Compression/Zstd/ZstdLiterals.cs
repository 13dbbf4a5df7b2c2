using System.Buffers.Binary;

namespace OrleansRocketMQ.Compression;

/// <summary>The literals of a block: raw, one byte repeated, or in Huffman codes of this or an earlier block's table (RFC 8878, 3.1.1.3.1).</summary>
internal sealed class ZstdLiterals(int maxBlockSize)
{
    private const string What = "the literals' header";
    private const int StreamSizesLength = 6;

    private byte[] _buffer = [];
    private HuffmanTable? _table;

    /// <returns>The literals; good until the next call, or as long as the block when they stand in it as they are.</returns>
    public ReadOnlySpan<byte> Decode(ref CompressedReader reader)
    {
        var first = reader.Byte(What);
        var sizeFormat = (first >> 2) & 3;
        switch (first & 3)
        {
            case 0:
                return reader.Take((uint)Checked(PlainSize(ref reader, first, sizeFormat)), "raw literals");
            case 1:
                var repeated = Room(PlainSize(ref reader, first, sizeFormat));
                repeated.Fill(reader.Byte("the repeated literal"));
                return repeated;
            default:
                return DecodeHuffman(ref reader, first, sizeFormat, newTable: (first & 3) == 2);
        }
    }

    private Span<byte> DecodeHuffman(ref CompressedReader reader, byte first, int sizeFormat, bool newTable)
    {
        // Both sizes have 10, 14 or 18 bits; they begin behind type and format.
        var (headerLength, width) = sizeFormat switch { 0 or 1 => (3, 10), 2 => (4, 14), _ => (5, 18) };
        ulong header = first;
        for (var index = 1; index < headerLength; index++)
        {
            header |= (ulong)reader.Byte(What) << (8 * index);
        }

        var mask = (1UL << width) - 1;
        var literals = Room((int)((header >> 4) & mask));
        var compressed = new CompressedReader(reader.Take((uint)((header >> (4 + width)) & mask), "compressed literals"));
        if (newTable)
        {
            _table = HuffmanTable.Read(ref compressed);
        }

        var table = _table ?? throw new InvalidDataException("literals in the codes of an earlier block, and there is none");
        if (sizeFormat == 0)
        {
            table.Decode(compressed.TakeRest(), literals);
        }
        else
        {
            DecodeFourStreams(table, ref compressed, literals);
        }

        return literals;
    }

    private static void DecodeFourStreams(HuffmanTable table, ref CompressedReader compressed, Span<byte> literals)
    {
        var share = (literals.Length + 3) / 4;
        if (share * 3 > literals.Length)
        {
            throw new InvalidDataException($"{literals.Length} literals in four streams");
        }

        var sizes = compressed.Take(StreamSizesLength, "the sizes of the streams of literals");
        for (var stream = 0; stream < 3; stream++)
        {
            var size = BinaryPrimitives.ReadUInt16LittleEndian(sizes[(2 * stream)..]);
            table.Decode(compressed.Take(size, "a stream of literals"), literals.Slice(stream * share, share));
        }

        table.Decode(compressed.TakeRest(), literals[(3 * share)..]);
    }

    private static int PlainSize(ref CompressedReader reader, byte first, int sizeFormat) => sizeFormat switch
    {
        1 => (first >> 4) | (reader.Byte(What) << 4),
        3 => (first >> 4) | (reader.UInt16(What) << 4),
        _ => first >> 3,
    };

    private Span<byte> Room(int size)
    {
        if (_buffer.Length < Checked(size))
        {
            _buffer = new byte[Math.Min(maxBlockSize, Math.Max(size, _buffer.Length * 2))];
        }

        return _buffer.AsSpan(0, size);
    }

    private int Checked(int size) => size <= maxBlockSize
        ? size
        : throw new InvalidDataException($"{size} literals in a block of {maxBlockSize} bytes at most");
}
