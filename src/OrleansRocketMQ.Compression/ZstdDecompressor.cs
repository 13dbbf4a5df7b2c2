using ZstdSharp;

namespace OrleansRocketMQ.Compression;

/// <summary>
/// Reads bodies in the Zstandard format (RFC 8878) of every compression level: all block and table types, checksums
/// (verified), several frames, skippable frames. Frames that need a dictionary are refused. Thread-safe.
/// </summary>
public sealed class ZstdDecompressor : IMessageDecompressor
{
    // Data may claim any size, and Java's producers do not say one: less room must prove too little before more is taken.
    private const int FirstTry = 64 * 1024;
    private const int Growth = 16;

    private readonly int _maxBodyLength;

    /// <summary>Creates a decompressor.</summary>
    /// <param name="maxBodyLength">Bytes a body may decompress to; a larger one is refused. Default 64 MiB.</param>
    public ZstdDecompressor(int maxBodyLength = DecompressionLimits.DefaultMaxBodyLength)
        => _maxBodyLength = DecompressionLimits.Check(maxBodyLength);

    /// <inheritdoc/>
    public CompressionType Type => CompressionType.Zstd;

    /// <inheritdoc/>
    public ReadOnlyMemory<byte> Decompress(ReadOnlyMemory<byte> compressed) => Decompress(compressed, _maxBodyLength);

    /// <inheritdoc/>
    public ReadOnlyMemory<byte> Decompress(ReadOnlyMemory<byte> compressed, int maxLength)
    {
        if (compressed.IsEmpty)
        {
            throw new InvalidDataException("there is no Zstandard frame in it");
        }

        var limit = Math.Min(maxLength, _maxBodyLength);
        try
        {
            // Straight into the body: a stream would also take memory for the window, of which the data says how large it is.
            using var decompressor = new Decompressor();
            var most = (int)Math.Min(Decompressor.GetDecompressedSize(compressed.Span), (ulong)limit);
            var room = (int)Math.Min(most, Math.Max(FirstTry, 8L * compressed.Length));
            while (true)
            {
                if (TryInto(decompressor, compressed.Span, room, out var body))
                {
                    return body;
                }

                if (room == most)
                {
                    throw most < limit
                        ? new InvalidDataException("no Zstandard data: it holds more than its headers allow")
                        : BodyBuffer.TooLarge(limit);
                }

                room = (int)Math.Min(most, (long)room * Growth);
            }
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
        // What is kept must not be longer than the body: only that is counted.
        body = !fits ? default : written == room ? bytes : bytes.AsSpan(0, written).ToArray();
        return fits;
    }
}
