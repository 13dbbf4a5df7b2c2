using System.Security.Cryptography;
using System.Text.Json;
using OrleansRocketMQ.Compression;

namespace OrleansRocketMQ.Tests;

/// <summary>A body that another program compressed; see Fixtures/README.md.</summary>
internal sealed record CompressedFixture(string Name, CompressionType Type, int Length, string Sha256, byte[] Compressed)
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        Converters = { new System.Text.Json.Serialization.JsonStringEnumConverter() },
    };

    public static IReadOnlyList<CompressedFixture> OfJava { get; } = Read("java-5.3.3.jsonl");

    public static IReadOnlyList<CompressedFixture> OfTools { get; } = Read("tools.jsonl");

    public static IReadOnlyList<CompressedFixture> All { get; } = [.. OfJava, .. OfTools];

    public static IMessageDecompressor DecompressorOf(CompressionType type)
        => type == CompressionType.Lz4 ? new Lz4Decompressor() : new ZstdDecompressor();

    public void AssertDecompresses()
    {
        var body = DecompressorOf(Type).Decompress(Compressed);
        Assert.True(body.Length == Length, $"{Name}: {body.Length} bytes instead of {Length}");
        Assert.True(Convert.ToHexStringLower(SHA256.HashData(body.Span)) == Sha256, $"{Name}: other bytes");
    }

    private static CompressedFixture[] Read(string file)
        => [.. File.ReadLines(Path.Combine(AppContext.BaseDirectory, "Fixtures", file)).Select(line => JsonSerializer.Deserialize<CompressedFixture>(line, Json)!)];
}
