using System.Security.Cryptography;
using System.Text.Json;
using OrleansRocketMQ.Compression;
using OrleansRocketMQ.Framing;

namespace OrleansRocketMQ.Tests;

/// <summary>Messages in frames recorded between Java programs and a real broker.</summary>
public class RecordedMessageTests
{
    [Fact]
    public void Recorded_messages_with_LZ4_and_ZSTD_bodies_decode_to_what_Java_read()
    {
        var options = new MessageDecoderOptions
        {
            Decompressors = new MessageDecompressors(new Lz4Decompressor(), new ZstdDecompressor()),
            CheckCrc = true,
        };
        var decompressed = new Dictionary<CompressionType, int>();
        foreach (var line in Directory.EnumerateFiles(Path.Combine(AppContext.BaseDirectory, "Wire"), "*.jsonl").SelectMany(File.ReadLines))
        {
            var recorded = JsonDocument.Parse(line).RootElement;
            if (!recorded.TryGetProperty("messages", out var expected))
            {
                continue;
            }

            var bytes = new System.Buffers.ReadOnlySequence<byte>(recorded.GetProperty("frame").GetBytesFromBase64());
            Assert.True(FrameReader.TryRead(ref bytes, FrameReader.DefaultMaxFrameLength, out var frame));
            foreach (var (java, ours) in expected.EnumerateArray().Zip(MessageDecoder.DecodeAll(frame!.Body, "broker-a", options)))
            {
                Assert.Null(ours.BodyError);
                Assert.Equal(java.GetProperty("bodySha256").GetString(), Convert.ToHexStringLower(SHA256.HashData(ours.Body.Span)));
                if ((ours.SysFlag & MessageSysFlag.Compressed) != 0)
                {
                    var type = MessageSysFlag.CompressionOf(ours.SysFlag);
                    decompressed[type] = decompressed.GetValueOrDefault(type) + 1;
                }
            }
        }

        Assert.True(decompressed[CompressionType.Lz4] > 0);
        Assert.True(decompressed[CompressionType.Zstd] > 0);
    }

    [Fact]
    public void One_call_registers_both()
    {
        var registry = new Registry();

        Assert.Same(registry, registry.AddLz4AndZstd());

        Assert.Equal([CompressionType.Lz4, CompressionType.Zstd], registry.Registered.Select(decompressor => decompressor.Type));
    }

    [Fact]
    public void A_broken_body_is_the_decoders_error_of_its_message()
    {
        var decompressors = new MessageDecompressors(new Lz4Decompressor(), new ZstdDecompressor());

        var error = Assert.Throws<MessageFormatException>(() => decompressors.Decompress(CompressionType.Zstd, new byte[] { 1, 2, 3, 4, 5 }));

        Assert.Contains("no Zstandard data", error.Message, StringComparison.Ordinal);
    }

    private sealed class Registry : IDecompressorRegistry
    {
        public List<IMessageDecompressor> Registered { get; } = [];

        public void Register(IMessageDecompressor decompressor) => Registered.Add(decompressor);
    }
}
