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
    // Value 2 is the one before, 4 at the start.
    [InlineData(1, 1, new byte[] { 0b10 }, null, "a Zstandard match 4 bytes back, where 1 are there")]
    // Value 3 is the third, 8 at the start.
    [InlineData(1, 1, new byte[] { 0b11 }, null, "a Zstandard match 8 bytes back")]
    // Without literals the names shift by one: value 1 is the second, ...
    [InlineData(0, 0, new byte[] { 0b1 }, null, "a Zstandard match 4 bytes back, where 0 are there")]
    // ... and value 3 is one less than the first, which is none.
    [InlineData(0, 1, new byte[] { 0b11 }, null, "a Zstandard match 0 bytes back")]
    [InlineData(1, 3, new byte[] { 0b1000 }, null, "a Zstandard match 5 bytes back, where 1 are there")]
    [InlineData(1, 31, new byte[] { 0xFF, 0xFF, 0xFF, 0xFF, 0x01 }, null, "cut off inside of the sequences", "a Zstandard match")]
    [InlineData(2, 2, new byte[] { 0b100 }, null, "a sequence with 2 literals, where 1 are left")]
    [InlineData(1, 2, new byte[] { 0b1 }, null, "cut off inside of the sequences")]
    [InlineData(1, 2, new byte[] { 0b1000 }, null, "the stream of sequences is longer than they are")]
    [InlineData(1, 2, new byte[] { 0 }, null, "no end mark")]
    [InlineData(1, 32, new byte[] { 1 }, null, "code 32 of offsets where 31 is the largest")]
    [InlineData(36, 2, new byte[] { 1 }, null, "code 36 of literal lengths where 35 is the largest")]
    public void A_sequence_means_what_its_codes_say(int literalCode, int offsetCode, byte[] bits, string? body, params string[] refusal)
    {
        byte[] block = [1 << 3, (byte)'a', 1, 0x54, (byte)literalCode, (byte)offsetCode, 0, .. bits];
        var frame = Frame(SmallWindow, Block(BlockType.Compressed, block.Length, block, last: true));

        if (body is not null)
        {
            AssertIs(body, frame);
        }
        else
        {
            var error = Assert.Throws<InvalidDataException>(() => new ZstdDecompressor().Decompress(frame));
            Assert.Contains(refusal, reason => error.Message.Contains(reason, StringComparison.Ordinal));
        }
    }

    [Fact]
    public void A_match_cannot_go_back_further_than_the_window()
    {
        var raw = Block(BlockType.Raw, 1024, new byte[1024]);
        AssertRefused("1500 bytes back, where 2049 are there and the window has 1024", Frame(SmallWindow, raw, raw, Match(1503)));
        Assert.Equal(2052, new ZstdDecompressor().Decompress(Frame(SmallWindow, raw, raw, Match(1027))).Length);

        // Offset code 10: the value is 1024 and ten extra bits.
        static byte[] Match(int value)
        {
            var bits = (1 << 10) | (value - 1024);
            byte[] block = [1 << 3, 1, 1, 0x54, 1, 10, 0, (byte)bits, (byte)(bits >> 8)];
            return Block(BlockType.Compressed, block.Length, block, last: true);
        }
    }

    [Fact]
    public void A_match_cannot_leave_its_frame()
    {
        byte[] block = [1 << 3, 1, 1, 0x54, 1, 3, 0, 0b1000];
        byte[] frames = [.. Frame(SmallWindow, Block(BlockType.Raw, 10, new byte[10], last: true)), .. Frame(SmallWindow, Block(BlockType.Compressed, block.Length, block, last: true))];

        AssertRefused("5 bytes back, where 1 are there", frames);
    }

    [Theory]
    [InlineData(new byte[] { 0x43, 0x40, 0x00, 0xFF, 0 }, "literals in the codes of an earlier block, and there is none")]
    [InlineData(new byte[] { 1 << 3, 97, 1, 0xC0 }, "the table of literal lengths of an earlier block, and there is none")]
    [InlineData(new byte[] { 1 << 3, 97, 1, 0x30 }, "the table of offsets of an earlier block, and there is none")]
    [InlineData(new byte[] { 1 << 3, 97, 1, 0x0C }, "the table of match lengths of an earlier block, and there is none")]
    [InlineData(new byte[] { 1 << 3, 97, 1, 0x03 }, "reserved bits of the sequences' header")]
    [InlineData(new byte[] { 1 << 3, 97, 0, 0 }, "1 bytes after a block without sequences")]
    [InlineData(new byte[] { 2 << 3, 97 }, "cut off: 1 of 2 bytes of raw literals")]
    [InlineData(new byte[] { 1 << 3, 97, 1, 0x80, 0x0F }, "accuracy 20 where 9 is the most")]
    [InlineData(new byte[] { 0x42, 0x40, 0x00, 0x80 }, "the Huffman weights make no code", "cut off")]
    public void A_block_that_lacks_or_breaks_what_it_needs_is_refused(byte[] block, params string[] refusal)
    {
        var error = Assert.Throws<InvalidDataException>(
            () => new ZstdDecompressor().Decompress(Frame(SmallWindow, Block(BlockType.Compressed, block.Length, block, last: true))));
        Assert.Contains(refusal, reason => error.Message.Contains(reason, StringComparison.Ordinal));
    }

    [Fact]
    public void Frames_of_other_kinds_are_refused_by_what_they_are()
    {
        AssertRefused("there is no Zstandard frame in it", []);
        AssertRefused("it begins with 0x184D2204", [0x04, 0x22, 0x4D, 0x18, 0]);
        AssertRefused("dictionary 9; dictionaries are not supported", Frame([SingleSegment | 1, 9, 0], Block(BlockType.Raw, 0, [], last: true)));
        AssertRefused("the reserved bit", Frame([SingleSegment | 8, 0], Block(BlockType.Raw, 0, [], last: true)));
        AssertRefused("the reserved type", Frame(SmallWindow, Block(BlockType.Reserved, 0, [], last: true)));
        AssertRefused("a Zstandard block of 1025 bytes where 1024 are the most", Frame(SmallWindow, Block(BlockType.Raw, 1025, new byte[1025], last: true)));
        AssertRefused("cut off: 0 of 3 bytes of a block's header", Frame(SmallWindow, Block(BlockType.Raw, 1, "a"u8)));
    }

    [Fact]
    public void Checksums_and_sizes_that_do_not_fit_are_refused()
    {
        var block = Block(BlockType.Raw, 3, "abc"u8, last: true);
        // The lower half of xxHash64 of "abc".
        byte[] right = [.. Frame([SingleSegment | Checksum, 3], block), 0x99, 0x09, 0x77, 0xAD];
        AssertIs("abc", right);

        right[^1]++;
        AssertRefused("content checksum of the Zstandard frame does not match", right);
        AssertRefused("holds 3 bytes and says 4", Frame([SingleSegment, 4], block));
    }

    [Fact]
    public void A_body_larger_than_allowed_is_refused_however_it_comes_to_be_so()
    {
        var decompressor = new ZstdDecompressor(maxBodyLength: 1000);

        Assert.Equal(1000, decompressor.Decompress(Frame(SmallWindow, Block(BlockType.Repeat, 1000, [1], last: true))).Length);
        AssertRefused("more than 1000 bytes", Frame(SmallWindow, Block(BlockType.Repeat, 1000, [1]), Block(BlockType.Repeat, 1, [1], last: true)), decompressor);
        AssertRefused("more than 1000 bytes", Frame([0xE0, 0, 0, 0, 0, 0, 1, 0, 0], Block(BlockType.Raw, 0, [], last: true)), decompressor);
        Assert.Equal("maxBodyLength", Assert.Throws<RocketMQValidationException>(() => new ZstdDecompressor(0)).Field);
    }

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
