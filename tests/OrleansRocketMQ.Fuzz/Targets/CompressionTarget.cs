using System.IO.Compression;
using System.Text;
using OrleansRocketMQ.Compression;
using OrleansRocketMQ.Fuzz.Kernel;

namespace OrleansRocketMQ.Fuzz.Targets;

/// <summary>A compressed body.</summary>
internal sealed class CompressionTarget(CompressionType type) : FuzzTarget
{
    private const int Largest = 64 * 1024;

    public const long MayAllocateForBody = 4 * 1024 * 1024;

    public static readonly MessageDecompressors All = new(new Lz4Decompressor(), new ZstdDecompressor());

    public override string Name => type.ToString().ToLowerInvariant();

    public override IReadOnlyList<string> Decoders => type switch
    {
        CompressionType.Lz4 => [nameof(Lz4Decompressor), "Lz4Offsets"],
        CompressionType.Zstd => [nameof(ZstdDecompressor)],
        _ => [nameof(MessageDecompressors), "BodyBuffer"],
    };

    // Tables of the decoders themselves, whatever the body is.
    public override long MayAllocate(int length) => MayAllocateForBody + 400L * length;

    // Checksums over what they hold see to it that hardly anything that was changed is taken.
    public override double TakenOf1000 => 0.5;

    public override IEnumerable<byte[]> Seeds()
    {
        foreach (var text in new[] { "a", "some text some text some text some text", new string('x', 5000), string.Join(' ', Enumerable.Range(0, 500)) })
        {
            yield return Compress(Encoding.UTF8.GetBytes(text));
        }
    }

    /// <summary>zlib's first two bytes and its checksum are made right; the others' checksums are left out when they are written.</summary>
    public override void Frame(FuzzBuffer input)
    {
        if (type != CompressionType.Zlib || input.Length < 6)
        {
            return;
        }

        var body = new byte[Largest];
        var length = 0;
        try
        {
            using var deflate = new DeflateStream(new MemoryStream(input.Span[2..^4].ToArray()), CompressionMode.Decompress);
            length = deflate.ReadAtLeast(body, Largest, throwOnEndOfStream: false);
        }
        catch (InvalidDataException)
        {
            // Whatever the checksum is, it is not taken.
        }

        input.Overwrite(0, [0x78, 0x9C]);
        input.WriteInt32(input.Length - 4, (int)Adler32(body.AsSpan(0, length)));
    }

    public override bool Accepts(byte[] input)
    {
        try
        {
            var body = All.Decompress(type, input, Largest);
            Must(body.Length <= Largest, "longer than allowed");
            Must(All.Decompress(type, input, Largest).Span.SequenceEqual(body.Span), "decompressed again it is something else");
            return true;
        }
        catch (MessageFormatException)
        {
            return false;
        }
    }

    private static uint Adler32(ReadOnlySpan<byte> body)
    {
        uint low = 1, high = 0;
        foreach (var value in body)
        {
            low = (low + value) % 65521;
            high = (high + low) % 65521;
        }

        return (high << 16) | low;
    }

    private byte[] Compress(byte[] body)
    {
        switch (type)
        {
            case CompressionType.Lz4:
                var output = new MemoryStream();
                using (var stream = K4os.Compression.LZ4.Streams.LZ4Stream.Encode(output, leaveOpen: true))
                {
                    stream.Write(body);
                }

                return output.ToArray();
            case CompressionType.Zstd:
                using (var compressor = new ZstdSharp.Compressor())
                {
                    return compressor.Wrap(body).ToArray();
                }

            default:
                return ZlibDecompressor.Compress(body);
        }
    }
}
