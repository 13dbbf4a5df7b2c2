using OrleansRocketMQ.Compression;

namespace OrleansRocketMQ.Tests;

/// <summary>Frames written by hand, mostly wrong ones; what real compressors write is in <see cref="FixtureTests"/>.</summary>
public class ZstdFrameTests
{
    private const byte SingleSegment = 0x20;
    private const byte Checksum = 0x04;

    // Window of 1 KiB.
    private static readonly byte[] SmallWindow = [0x00, 0x00];

    private enum BlockType
    {
        Raw = 0,
        Repeat = 1,
        Compressed = 2,
        Reserved = 3,
    }

    [Fact]
    public void Raw_blocks_and_repeated_bytes_follow_each_other()
        => AssertIs("abcxxxx", Frame([SingleSegment, 7], Block(BlockType.Raw, 3, "abc"u8), Block(BlockType.Repeat, 4, "x"u8, last: true)));

    /// <summary>One literal, then a match of three bytes; the offset is what changes.</summary>
    [Theory]
    // Code 2: the value is 4 and two extra bits; 4 is the offset 1.
    [InlineData(1, 2, new byte[] { 0b100 }, "aaaa")]
    // Value 1 is the last offset, 1 at the start.
    [InlineData(1, 0, new byte[] { 0b1 }, "aaaa")]
    // Value 2 is the one before, 4 at the start; value 3 is the third, 8 at the start.
    [InlineData(1, 1, new byte[] { 0b10 }, null)]
    [InlineData(1, 1, new byte[] { 0b11 }, null)]
    // Without literals the names shift by one: value 1 is the second.
    [InlineData(0, 0, new byte[] { 0b1 }, null)]
    [InlineData(1, 3, new byte[] { 0b1000 }, null)]
    [InlineData(1, 31, new byte[] { 0xFF, 0xFF, 0xFF, 0xFF, 0x01 }, null)]
    [InlineData(2, 2, new byte[] { 0b100 }, null)]
    [InlineData(1, 2, new byte[] { 0b1 }, null)]
    [InlineData(1, 2, new byte[] { 0b1000 }, null)]
    [InlineData(1, 2, new byte[] { 0 }, null)]
    [InlineData(1, 32, new byte[] { 1 }, null)]
    [InlineData(36, 2, new byte[] { 1 }, null)]
    public void A_sequence_means_what_its_codes_say(int literalCode, int offsetCode, byte[] bits, string? body)
    {
        byte[] block = [1 << 3, (byte)'a', 1, 0x54, (byte)literalCode, (byte)offsetCode, 0, .. bits];
        var frame = Frame(SmallWindow, Block(BlockType.Compressed, block.Length, block, last: true));

        if (body is not null)
        {
            AssertIs(body, frame);
        }
        else
        {
            AssertRefused("no Zstandard data", frame);
        }
    }

    [Theory]
    [InlineData(new byte[] { 0x43, 0x40, 0x00, 0xFF, 0 })]
    [InlineData(new byte[] { 1 << 3, 97, 1, 0xC0 })]
    [InlineData(new byte[] { 1 << 3, 97, 1, 0x30 })]
    [InlineData(new byte[] { 1 << 3, 97, 1, 0x0C })]
    [InlineData(new byte[] { 1 << 3, 97, 1, 0x03 })]
    [InlineData(new byte[] { 1 << 3, 97, 0, 0 })]
    [InlineData(new byte[] { 2 << 3, 97 })]
    [InlineData(new byte[] { 1 << 3, 97, 1, 0x80, 0x0F })]
    [InlineData(new byte[] { 0x42, 0x40, 0x00, 0x80 })]
    public void A_block_that_lacks_or_breaks_what_it_needs_is_refused(byte[] block)
        => AssertRefused("no Zstandard data", Frame(SmallWindow, Block(BlockType.Compressed, block.Length, block, last: true)));

    [Fact]
    public void Frames_that_are_cut_off_or_hold_too_large_blocks_are_refused()
    {
        AssertRefused("no Zstandard data", Frame(SmallWindow, Block(BlockType.Raw, 1, "a"u8)));
        AssertRefused("no Zstandard data", Frame(SmallWindow, Block(BlockType.Raw, 1025, new byte[1025], last: true)));
        AssertRefused("no Zstandard data", [.. Frame(SmallWindow, Block(BlockType.Raw, 1, "a"u8, last: true)), 0x50, 0x2A, 0x4D, 0x18, 4, 0, 0, 0, 1, 2, 3]);
    }

    [Fact]
    public void A_match_cannot_leave_its_frame()
    {
        byte[] block = [1 << 3, 1, 1, 0x54, 1, 3, 0, 0b1000];
        byte[] frames = [.. Frame(SmallWindow, Block(BlockType.Raw, 10, new byte[10], last: true)), .. Frame(SmallWindow, Block(BlockType.Compressed, block.Length, block, last: true))];

        AssertRefused("no Zstandard data", frames);
    }

    [Fact]
    public void Frames_of_other_kinds_are_refused()
    {
        AssertRefused("there is no Zstandard frame in it", []);
        AssertRefused("no Zstandard data", [0x04, 0x22, 0x4D, 0x18, 0]);
        AssertRefused("no Zstandard data", Frame([SingleSegment | 1, 7, 0], Block(BlockType.Raw, 0, [], last: true)));
        AssertRefused("no Zstandard data", Frame([SingleSegment | 0x08, 0], Block(BlockType.Raw, 0, [], last: true)));
        AssertRefused("no Zstandard data", Frame(SmallWindow, Block(BlockType.Reserved, 0, [], last: true)));
    }

    [Fact]
    public void Checksums_and_sizes_that_do_not_fit_are_refused()
    {
        var block = Block(BlockType.Raw, 3, "abc"u8, last: true);
        // The lower half of xxHash64 of "abc".
        byte[] right = [.. Frame([SingleSegment | Checksum, 3], block), 0x99, 0x09, 0x77, 0xAD];
        AssertIs("abc", right);

        right[^1]++;
        AssertRefused("no Zstandard data", right);
        AssertRefused("no Zstandard data", Frame([SingleSegment, 4], block));
    }

    [Fact]
    public void A_body_larger_than_allowed_is_refused_however_it_comes_to_be_so()
    {
        var decompressor = new ZstdDecompressor(maxBodyLength: 1000);

        Assert.Equal(1000, decompressor.Decompress(Frame(SmallWindow, Block(BlockType.Repeat, 1000, [1], last: true))).Length);
        AssertRefused("more than 1000 bytes", Frame(SmallWindow, Block(BlockType.Repeat, 1000, [1]), Block(BlockType.Repeat, 1, [1], last: true)), decompressor);
        AssertRefused("more than 1000 bytes", Frame([0xE0, 0, 0, 0, 0, 0, 1, 0, 0], Block(BlockType.Raw, 1001, new byte[1001], last: true)), decompressor);
        Assert.Equal("maxBodyLength", Assert.Throws<RocketMQValidationException>(() => new ZstdDecompressor(0)).Field);
    }

    /// <summary>64 MiB in 2 KiB: 512 blocks of one byte repeated 128 Ki times, behind a window of 128 KiB.</summary>
    [Fact]
    public void A_body_that_explodes_takes_no_more_memory_than_the_limit()
    {
        const int Limit = 8 * 1024 * 1024;
        const int BlockLength = 128 * 1024;
        var bomb = Frame([0x00, 7 << 3], [.. Enumerable.Range(1, 512).Select(block => Block(BlockType.Repeat, BlockLength, [0], last: block == 512))]);
        Assert.InRange(bomb.Length, 1, 2100);
        Assert.Equal(64 * 1024 * 1024, new ZstdDecompressor().Decompress(bomb).Length);
        var decompressor = new ZstdDecompressor(Limit);

        var before = GC.GetAllocatedBytesForCurrentThread();
        AssertRefused($"more than {Limit} bytes", bomb, decompressor);

        // Two tries, of 64 KiB and of 1 MiB, and the one with all that is allowed.
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, Limit + (1024 * 1024) + (256 * 1024));
    }

    [Fact]
    public void What_is_kept_of_a_body_that_does_not_say_its_length_is_as_long_as_the_body()
    {
        var body = new ZstdDecompressor().Decompress(Frame([0x00, 7 << 3], Block(BlockType.Repeat, 1000, [1], last: true)));
        Assert.True(System.Runtime.InteropServices.MemoryMarshal.TryGetArray(body, out var kept));
        Assert.Equal((1000, 1000), (body.Length, kept.Array!.Length));
    }

    [Fact]
    public void Who_asks_for_less_than_the_decompressor_allows_gets_no_more()
        => Assert.Contains("more than 999 bytes", Assert.Throws<InvalidDataException>(
            () => new ZstdDecompressor().Decompress(Frame(SmallWindow, Block(BlockType.Repeat, 1000, [1], last: true)), 999)).Message, StringComparison.Ordinal);

    private static byte[] Frame(ReadOnlySpan<byte> header, params byte[][] blocks) => [0x28, 0xB5, 0x2F, 0xFD, .. header, .. blocks.SelectMany(block => block)];

    private static byte[] Block(BlockType type, int size, ReadOnlySpan<byte> content, bool last = false)
    {
        var header = (size << 3) | ((int)type << 1) | (last ? 1 : 0);
        return [(byte)header, (byte)(header >> 8), (byte)(header >> 16), .. content];
    }

    private static void AssertIs(string body, byte[] compressed)
        => Assert.Equal(body, System.Text.Encoding.ASCII.GetString(new ZstdDecompressor().Decompress(compressed).Span));

    private static void AssertRefused(string reason, byte[] compressed, ZstdDecompressor? decompressor = null)
        => Assert.Contains(reason, Assert.Throws<InvalidDataException>(() => (decompressor ?? new()).Decompress(compressed)).Message, StringComparison.Ordinal);
}
