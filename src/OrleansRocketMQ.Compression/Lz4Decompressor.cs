using System.Buffers.Binary;
using System.Runtime.InteropServices;
using K4os.Compression.LZ4.Streams;

namespace OrleansRocketMQ.Compression;

/// <summary>
/// Reads bodies in the LZ4 frame format, as Java's <c>Lz4Compressor</c> writes them: linked and independent blocks, block
/// and content checksums (verified), content size, several frames, skippable frames. Frames that need a dictionary are
/// refused. Thread-safe.
/// </summary>
public sealed class Lz4Decompressor : IMessageDecompressor
{
    private const uint Magic = 0x184D2204;
    private const uint FirstSkippable = 0x184D2A50;
    private const int FlagsPosition = 4;
    private const int ContentSizePosition = 6;
    private const byte ContentSizeFlag = 0x08;
    private const byte DictionaryOrReserved = 0x03;
    private const byte ReservedOfBlock = 0x8F;
    private const int SmallestBlockSize = 4;

    private readonly int _maxBodyLength;

    /// <summary>Creates a decompressor.</summary>
    /// <param name="maxBodyLength">Bytes a body may decompress to; a larger one is refused. Default 64 MiB.</param>
    public Lz4Decompressor(int maxBodyLength = DecompressionLimits.DefaultMaxBodyLength)
        => _maxBodyLength = DecompressionLimits.Check(maxBodyLength);

    /// <inheritdoc/>
    public CompressionType Type => CompressionType.Lz4;

    /// <inheritdoc/>
    public ReadOnlyMemory<byte> Decompress(ReadOnlyMemory<byte> compressed) => Decompress(compressed, _maxBodyLength);

    /// <inheritdoc/>
    public ReadOnlyMemory<byte> Decompress(ReadOnlyMemory<byte> compressed, int maxLength)
    {
        var bytes = MemoryMarshal.TryGetArray(compressed, out var segment) ? segment : new ArraySegment<byte>(compressed.ToArray());
        using var input = new MemoryStream(bytes.Array!, bytes.Offset, bytes.Count, writable: false);
        using var body = new BodyBuffer(Math.Min(maxLength, _maxBodyLength));
        var frames = 0;
        while (input.Position < input.Length)
        {
            var rest = compressed.Span[(int)input.Position..];
            var magic = BinaryPrimitives.ReadUInt32LittleEndian(AtLeast(rest, sizeof(uint)));
            if (magic == Magic)
            {
                DecodeFrame(input, rest, body);
                frames++;
            }
            else if ((magic & ~0xFu) == FirstSkippable)
            {
                var length = 8L + BinaryPrimitives.ReadUInt32LittleEndian(AtLeast(rest, 8)[4..]);
                _ = AtLeast(rest, length);
                input.Position += length;
            }
            else
            {
                throw new InvalidDataException($"no LZ4 frame: it begins with 0x{magic:X8}");
            }
        }

        return frames > 0 ? body.ToArray() : throw new InvalidDataException("there is no LZ4 frame in it");
    }

    private static void DecodeFrame(MemoryStream input, ReadOnlySpan<byte> frame, BodyBuffer body)
    {
        var descriptor = AtLeast(frame, ContentSizePosition);
        var (flags, block) = (descriptor[FlagsPosition], descriptor[FlagsPosition + 1]);
        if ((flags & DictionaryOrReserved) != 0 || (block & ReservedOfBlock) != 0 || block >> 4 < SmallestBlockSize)
        {
            // The library passes over these.
            throw new InvalidDataException($"no LZ4 data: frame descriptor 0x{flags:X2} 0x{block:X2}; dictionaries are not supported");
        }

        ulong? size = (flags & ContentSizeFlag) == 0
            ? null
            : BinaryPrimitives.ReadUInt64LittleEndian(AtLeast(frame, ContentSizePosition + sizeof(ulong))[ContentSizePosition..]);
        body.Expect(size ?? 0);
        var start = body.Length;
        try
        {
            using var decoder = LZ4Stream.Decode(input, leaveOpen: true);
            body.AppendAll(decoder, fillsUpToItsEnd: true);
        }
        catch (Exception exception) when (exception is IOException or InvalidDataException or InvalidOperationException
            or ArgumentException or NotSupportedException or NotImplementedException)
        {
            // What the library throws for data that is cut off, broken, or needs a dictionary.
            throw new InvalidDataException($"no LZ4 data: {exception.Message}", exception);
        }

        Lz4Offsets.Check(frame);

        // The library reads the size and does not compare it.
        if (size is { } expected && expected != (ulong)(body.Length - start))
        {
            throw new InvalidDataException($"the LZ4 frame holds {body.Length - start} bytes and says {expected}");
        }
    }

    private static ReadOnlySpan<byte> AtLeast(ReadOnlySpan<byte> rest, long count)
        => rest.Length >= count ? rest : throw new InvalidDataException($"cut off: {rest.Length} of {count} bytes are there");
}
