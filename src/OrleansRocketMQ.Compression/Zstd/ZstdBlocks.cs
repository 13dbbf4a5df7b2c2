namespace OrleansRocketMQ.Compression;

/// <summary>
/// The blocks of one frame, which share tables, recent offsets and what they may refer back to (RFC 8878, 3.1.1.2).
/// Used by one thread.
/// </summary>
internal sealed class ZstdBlocks
{
    private const int LargestBlock = 128 * 1024;

    private readonly DecompressedBody _body;
    private readonly int _frameStart;
    private readonly int _maxBlockSize;
    private readonly ZstdLiterals _literals;
    private readonly ZstdSequences _sequences;

    public ZstdBlocks(DecompressedBody body, ulong windowSize)
    {
        _body = body;
        _frameStart = body.Length;
        _maxBlockSize = (int)Math.Min(windowSize, LargestBlock);
        _literals = new(_maxBlockSize);
        _sequences = new(body, _frameStart, windowSize);
    }

    /// <returns>Whether it was the last one.</returns>
    public bool DecodeNext(ref CompressedReader reader)
    {
        var header = reader.UInt24("a block's header");
        var size = header >> 3;
        if (size > _maxBlockSize)
        {
            throw new InvalidDataException($"a Zstandard block of {size} bytes where {_maxBlockSize} are the most");
        }

        switch ((header >> 1) & 3)
        {
            case 0:
                _body.Append(reader.Take(size, "a raw block"));
                break;
            case 1:
                _body.AppendRun(reader.Byte("a block that repeats one byte"), (int)size);
                break;
            case 2:
                DecodeCompressed(reader.Take(size, "a compressed block"));
                break;
            default:
                throw new InvalidDataException("a Zstandard block of the reserved type");
        }

        return (header & 1) != 0;
    }

    private void DecodeCompressed(ReadOnlySpan<byte> block)
    {
        var reader = new CompressedReader(block);
        var literals = _literals.Decode(ref reader);
        _sequences.Execute(ref reader, literals, _maxBlockSize);
    }
}
