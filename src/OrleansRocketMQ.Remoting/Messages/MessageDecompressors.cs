using System.IO.Compression;

namespace OrleansRocketMQ;

/// <summary>Decompresses the bodies of one compression type. Must be thread-safe.</summary>
public interface IMessageDecompressor
{
    /// <summary>The type this decompressor is for.</summary>
    CompressionType Type { get; }

    /// <summary>Decompresses a body.</summary>
    /// <exception cref="InvalidDataException">The body is not of this compression.</exception>
    ReadOnlyMemory<byte> Decompress(ReadOnlyMemory<byte> compressed);

    /// <summary>
    /// Decompresses a body of at most a certain length. A few bytes may decompress to very many: implement this so that a
    /// longer one is refused before the memory for it is taken. By default it is refused afterwards.
    /// </summary>
    /// <exception cref="InvalidDataException">The body is not of this compression, or longer.</exception>
    ReadOnlyMemory<byte> Decompress(ReadOnlyMemory<byte> compressed, int maxLength)
    {
        var body = Decompress(compressed);
        return body.Length <= maxLength ? body : throw BodyBuffer.TooLarge(maxLength);
    }
}

/// <summary>The decompressors messages are decoded with. Immutable.</summary>
public sealed class MessageDecompressors
{
    private readonly Dictionary<CompressionType, IMessageDecompressor> _byType;

    /// <summary>Zlib and the given ones.</summary>
    public MessageDecompressors(params IEnumerable<IMessageDecompressor> additional)
    {
        _byType = new() { [CompressionType.Zlib] = new ZlibDecompressor() };
        foreach (var decompressor in additional)
        {
            _byType[decompressor.Type] = decompressor;
        }
    }

    /// <summary>Zlib only.</summary>
    public static MessageDecompressors Default { get; } = new();

    /// <summary>Decompresses a body.</summary>
    /// <exception cref="MessageFormatException">Nobody is registered for the type, or the body is not of it.</exception>
    public ReadOnlyMemory<byte> Decompress(CompressionType type, ReadOnlyMemory<byte> compressed)
        => Decompress(type, compressed, MessageDecoderOptions.LargestBody);

    /// <summary>Decompresses a body of at most a certain length.</summary>
    /// <exception cref="MessageFormatException">Nobody is registered for the type, or the body is not of it, or longer.</exception>
    internal ReadOnlyMemory<byte> Decompress(CompressionType type, ReadOnlyMemory<byte> compressed, int maxLength)
    {
        if (!_byType.TryGetValue(type, out var decompressor))
        {
            throw new MessageFormatException(
                "body compression",
                type.ToString(),
                $"one of {string.Join(", ", _byType.Keys)}; register an {nameof(IMessageDecompressor)} for it");
        }

        try
        {
            return decompressor.Decompress(compressed, maxLength);
        }
        catch (InvalidDataException exception)
        {
            throw new MessageFormatException(
                "body", $"{compressed.Length} bytes", $"data compressed with {type}: {exception.Message}", exception);
        }
    }
}

/// <summary>zlib, which every RocketMQ client can write.</summary>
internal sealed class ZlibDecompressor : IMessageDecompressor
{
    public CompressionType Type => CompressionType.Zlib;

    public static byte[] Compress(ReadOnlySpan<byte> body, CompressionLevel level = CompressionLevel.Optimal)
    {
        var output = new MemoryStream(body.Length / 2);
        using (var zlib = new ZLibStream(output, level, leaveOpen: true))
        {
            zlib.Write(body);
        }

        return output.ToArray();
    }

    public ReadOnlyMemory<byte> Decompress(ReadOnlyMemory<byte> compressed) => Decompress(compressed, MessageDecoderOptions.LargestBody);

    public ReadOnlyMemory<byte> Decompress(ReadOnlyMemory<byte> compressed, int maxLength)
    {
        if (!System.Runtime.InteropServices.MemoryMarshal.TryGetArray(compressed, out var segment))
        {
            segment = compressed.ToArray();
        }

        using var input = new MemoryStream(segment.Array!, segment.Offset, segment.Count, writable: false);
        using var zlib = new ZLibStream(input, CompressionMode.Decompress);
        using var buffer = new BodyBuffer(maxLength);
        try
        {
            buffer.AppendAll(zlib, fillsUpToItsEnd: false);
        }
        catch (IOException exception)
        {
            // zlib's own errors, which are not public: such as data that wants a dictionary nobody has.
            throw new InvalidDataException(exception.Message, exception);
        }

        var body = buffer.ToArray();

        // The framework ends quietly where the data is cut off; a stored body always ends with its checksum.
        return body.Length > 0 && EndsWithAdler32(compressed.Span, body)
            ? body
            : throw new InvalidDataException("the zlib data is cut off or its checksum does not match");
    }

    private static bool EndsWithAdler32(ReadOnlySpan<byte> compressed, ReadOnlySpan<byte> body)
    {
        uint a = 1, b = 0;
        foreach (var value in body)
        {
            a += value;
            a = a >= 65521 ? a - 65521 : a;
            b += a;
            b = b >= 65521 ? b - 65521 : b;
        }

        return compressed.Length >= 6
            && System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(compressed[^4..]) == ((b << 16) | a);
    }
}
