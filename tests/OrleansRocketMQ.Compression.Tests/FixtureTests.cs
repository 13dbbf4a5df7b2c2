namespace OrleansRocketMQ.Tests;

public class FixtureTests
{
    [Theory]
    [InlineData(CompressionType.Lz4)]
    [InlineData(CompressionType.Zstd)]
    public void Bodies_compressed_by_Java_decompress(CompressionType type) => AssertAll(CompressedFixture.OfJava, type, atLeast: 8);

    [Theory]
    [InlineData(CompressionType.Lz4)]
    [InlineData(CompressionType.Zstd)]
    public void Contents_compressed_by_the_reference_tools_decompress(CompressionType type) => AssertAll(CompressedFixture.OfTools, type, atLeast: 150);

    [Theory]
    [InlineData(CompressionType.Lz4)]
    [InlineData(CompressionType.Zstd)]
    public void Frames_one_after_the_other_and_frames_to_skip_are_one_body(CompressionType type)
    {
        byte[] skipped = [0x53, 0x2A, 0x4D, 0x18, 3, 0, 0, 0, 1, 2, 3];
        var pieces = CompressedFixture.All.Where(fixture => fixture.Type == type && fixture.Length is > 0 and < 5000).Take(20).ToList();
        var decompressor = CompressedFixture.DecompressorOf(type);
        byte[] compressed = [.. skipped, .. pieces.SelectMany(piece => piece.Compressed.Concat(skipped))];

        var body = decompressor.Decompress(compressed);

        Assert.Equal(pieces.SelectMany(piece => decompressor.Decompress(piece.Compressed).ToArray()), body.ToArray());
    }

    [Theory]
    [InlineData(CompressionType.Lz4)]
    [InlineData(CompressionType.Zstd)]
    public void The_body_may_stand_anywhere_in_the_memory_given(CompressionType type)
    {
        var fixture = CompressedFixture.All.First(fixture => fixture.Type == type && fixture.Length == 1000);
        byte[] around = [1, 2, 3, .. fixture.Compressed, 4, 5];

        (fixture with { Compressed = around.AsMemory(3, fixture.Compressed.Length).ToArray() }).AssertDecompresses();
        var body = CompressedFixture.DecompressorOf(type).Decompress(around.AsMemory(3, fixture.Compressed.Length));
        Assert.Equal(fixture.Length, body.Length);
    }

    private static void AssertAll(IReadOnlyList<CompressedFixture> fixtures, CompressionType type, int atLeast)
    {
        var ofType = fixtures.Where(fixture => fixture.Type == type).ToList();
        Assert.True(ofType.Count >= atLeast, $"only {ofType.Count} fixtures");
        Assert.All(ofType, fixture => fixture.AssertDecompresses());
    }
}
