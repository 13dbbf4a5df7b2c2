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
        => CompressedFrames.Decode(compressed, _maxBodyLength, "Zstandard", ZstdFrame.Magic, ZstdFrame.Decode);
}
