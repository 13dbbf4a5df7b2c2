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
    {
        if (!_byType.TryGetValue(type, out var decompressor))
        {
            throw new MessageFormatException("body compression", type.ToString(), $"one of {string.Join(", ", _byType.Keys)}; register an {nameof(IMessageDecompressor)} for it");
        }

        try
        {
            return decompressor.Decompress(compressed);
        }
        catch (InvalidDataException exception)
        {
            throw new MessageFormatException("body", $"{compressed.Length} bytes", $"data compressed with {type}: {exception.Message}", exception);
        }
    }
}

/// <summary>zlib, which every RocketMQ client can write.</summary>
internal sealed class ZlibDecompressor : IMessageDecompressor
{
    /// <summary>No sane message is larger; a body that claims to be would only exhaust memory.</summary>
    public const int MaxBodyLength = 64 * 1024 * 1024;

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

    public ReadOnlyMemory<byte> Decompress(ReadOnlyMemory<byte> compressed)
    {
        if (!System.Runtime.InteropServices.MemoryMarshal.TryGetArray(compressed, out var segment))
        {
            segment = compressed.ToArray();
        }

        using var input = new MemoryStream(segment.Array!, segment.Offset, segment.Count, writable: false);
        using var zlib = new ZLibStream(input, CompressionMode.Decompress);
        var output = new MemoryStream(compressed.Length * 4);
        var chunk = new byte[16 * 1024];
        int read;
        while ((read = zlib.Read(chunk)) > 0)
        {
            if (output.Length + read > MaxBodyLength)
            {
                throw new InvalidDataException($"decompresses to more than {MaxBodyLength} bytes");
            }

            output.Write(chunk, 0, read);
        }

        // The framework ends quietly where the data is cut off; a stored body always ends with its checksum.
        if (output.Length == 0 || !EndsWithAdler32(compressed.Span, output.GetBuffer().AsSpan(0, (int)output.Length)))
        {
            throw new InvalidDataException("the zlib data is cut off or its checksum does not match");
        }

        return output.GetBuffer().AsMemory(0, (int)output.Length);
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
