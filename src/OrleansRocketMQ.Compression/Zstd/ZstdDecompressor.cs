namespace OrleansRocketMQ.Compression;

/// <summary>
/// Reads bodies in the Zstandard format (RFC 8878) of every compression level: all block and table types, checksums
/// (verified), several frames, skippable frames. Frames that need a dictionary are refused. Thread-safe.
/// </summary>
public sealed class ZstdDecompressor : IMessageDecompressor
{
    private readonly int _maxBodyLength;

    /// <summary>Creates a decompressor.</summary>
    /// <param name="maxBodyLength">Bytes a body may decompress to; a larger one is refused. Default 64 MiB.</param>
    public ZstdDecompressor(int maxBodyLength = DecompressionLimits.DefaultMaxBodyLength)
        => _maxBodyLength = DecompressionLimits.Check(maxBodyLength);

    /// <inheritdoc/>
    public CompressionType Type => CompressionType.Zstd;

    /// <inheritdoc/>
    public ReadOnlyMemory<byte> Decompress(ReadOnlyMemory<byte> compressed)
    {
        var body = new DecompressedBody(_maxBodyLength);
        var reader = new CompressedReader(compressed.Span);
        var frames = 0;
        while (!reader.IsAtEnd)
        {
            var magic = reader.UInt32("the frame's magic number");
            if (SkippableFrame.Is(magic))
            {
                SkippableFrame.Skip(ref reader);
            }
            else if (magic == ZstdFrame.Magic)
            {
                ZstdFrame.Decode(ref reader, body);
                frames++;
            }
            else
            {
                throw new InvalidDataException($"no Zstandard frame: it begins with 0x{magic:X8}");
            }
        }

        return frames > 0 ? body.Written : throw new InvalidDataException("there is no Zstandard frame in it");
    }
}
