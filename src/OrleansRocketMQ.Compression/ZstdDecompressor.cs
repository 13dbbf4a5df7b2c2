using ZstdSharp;

namespace OrleansRocketMQ.Compression;

/// <summary>
/// Reads bodies in the Zstandard format (RFC 8878) of every compression level: all block and table types, checksums
/// (verified), several frames, skippable frames. Frames that need a dictionary are refused. Thread-safe.
/// </summary>
public sealed class ZstdDecompressor : IMessageDecompressor
{
    // A size that data merely claims is believed up to here; beyond, a first try must show that there is more.
    private const int MostBelieved = 1024 * 1024;

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
        if (compressed.IsEmpty)
        {
            throw new InvalidDataException("there is no Zstandard frame in it");
        }

        try
        {
            // Straight into the body: a stream would also take memory for the window, of which the data says how large it is.
            using var decompressor = new Decompressor();
            var most = (int)Math.Min(Decompressor.GetDecompressedSize(compressed.Span), (ulong)_maxBodyLength);
            var believed = (int)Math.Min(most, Math.Max(MostBelieved, 8L * compressed.Length));
            return TryInto(decompressor, compressed.Span, believed, out var body)
                || (believed < most && TryInto(decompressor, compressed.Span, most, out body))
                ? body
                : throw (most < _maxBodyLength
                    ? new InvalidDataException("no Zstandard data: it holds more than its headers allow")
                    : DecompressionLimits.TooLarge(_maxBodyLength));
        }
        catch (ZstdException exception)
        {
            throw new InvalidDataException($"no Zstandard data: {exception.Message}", exception);
        }
    }

    private static bool TryInto(Decompressor decompressor, ReadOnlySpan<byte> compressed, int room, out ReadOnlyMemory<byte> body)
    {
        var bytes = GC.AllocateUninitializedArray<byte>(room);
        var fits = decompressor.TryUnwrap(compressed, bytes, out var written);
        body = fits ? bytes.AsMemory(0, written) : default;
        return fits;
    }
}
