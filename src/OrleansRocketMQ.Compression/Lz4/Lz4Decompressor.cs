namespace OrleansRocketMQ.Compression;

/// <summary>
/// Reads bodies in the LZ4 frame format, as Java's <c>Lz4Compressor</c> writes them: linked and independent blocks, block
/// and content checksums (verified), content size, several frames, skippable frames. Frames that need a dictionary are
/// refused. Thread-safe.
/// </summary>
public sealed class Lz4Decompressor : IMessageDecompressor
{
    private readonly int _maxBodyLength;

    /// <summary>Creates a decompressor.</summary>
    /// <param name="maxBodyLength">Bytes a body may decompress to; a larger one is refused. Default 64 MiB.</param>
    public Lz4Decompressor(int maxBodyLength = DecompressionLimits.DefaultMaxBodyLength)
        => _maxBodyLength = DecompressionLimits.Check(maxBodyLength);

    /// <inheritdoc/>
    public CompressionType Type => CompressionType.Lz4;

    /// <inheritdoc/>
    public ReadOnlyMemory<byte> Decompress(ReadOnlyMemory<byte> compressed)
        => CompressedFrames.Decode(compressed, _maxBodyLength, "LZ4", Lz4Frame.Magic, Lz4Frame.Decode);
}
