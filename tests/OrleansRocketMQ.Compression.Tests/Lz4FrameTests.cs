using System.Buffers.Binary;
using FsCheck;
using FsCheck.Fluent;
using K4os.Hash.xxHash;
using OrleansRocketMQ.Compression;
using static OrleansRocketMQ.Tests.Lz4Writer;

namespace OrleansRocketMQ.Tests;

public class Lz4FrameTests
{
    private const byte Linked = Lz4Writer.Version;
    private const byte Unlinked = Lz4Writer.Version | Independent;

    // The format wants literals here: five at least, and the last match begins twelve bytes before the end at the latest.
    private static readonly byte[] End = [.. Enumerable.Repeat((byte)7, 12)];

    private static readonly Gen<(byte[] Literals, int Offset, int Length)[]> Sequences = Gen.Choose(0, 255).Select(value => (byte)value).ArrayOf()
        .SelectMany(literals => Gen.Choose(1, 70000), (literals, offset) => (literals, offset))
        .SelectMany(_ => Gen.OneOf(Gen.Choose(4, 30), Gen.Choose(4, 3000)), (first, length) => (first.literals, first.offset, length))
        .ArrayOf();

    /// <summary>Any sequences whatever, written down and also done by hand, one byte at a time.</summary>
    [Fact]
    public void Any_sequences_of_literals_and_matches_decode_to_what_they_say() => Check.QuickThrowOnFailure(Prop.ForAll(
        Arb.From(Sequences),
        sequences =>
        {
            var expected = new List<byte>();
            var blocks = new List<byte>();
            foreach (var (literals, offset, length) in sequences)
            {
                expected.AddRange(literals);
                var possible = Math.Min(offset, Math.Min(expected.Count, ushort.MaxValue));
                var block = new List<byte>();
                if (possible > 0)
                {
                    block.AddRange(Sequence(literals, possible, length));
                    for (var index = 0; index < length; index++)
                    {
                        expected.Add(expected[^possible]);
                    }
                }

                block.AddRange(Sequence(End));
                expected.AddRange(End);
                blocks.AddRange(Block(block.ToArray()));
            }

            return new Lz4Decompressor().Decompress(Frame(Linked, 7, blocks)).ToArray().SequenceEqual(expected);
        }));

    [Fact]
    public void A_match_of_an_independent_block_cannot_leave_it()
    {
        byte[] blocks = [.. Block(Sequence([1, 2, 3, 4, 5, 6, 7, 8])), .. Block([.. Sequence([9], 2, 4), .. Sequence(End)])];

        Assert.Equal(25, new Lz4Decompressor().Decompress(Frame(Linked, 4, blocks)).Length);
        AssertRefused("no LZ4 data", Frame(Unlinked, 4, blocks));
    }

    [Fact]
    public void A_match_cannot_leave_its_frame()
    {
        var first = Frame(Linked, 4, Block(Sequence([1, 2, 3, 4, 5, 6, 7, 8])));
        var second = Frame(Linked, 4, Block([.. Sequence([9], 2, 4), .. Sequence(End)]));

        AssertRefused("no LZ4 data", [.. first, .. second]);
    }

    /// <summary>Nothing else would notice: without a content checksum the body would be whatever stood in the decoder's buffer.</summary>
    [Fact]
    public void A_match_of_no_distance_is_refused_wherever_it_stands()
    {
        byte[] zero = [.. Sequence([9], 0, 4), .. Sequence(End)];
        byte[] late = [.. Sequence(new byte[300], 7, 400), .. Sequence([], 3, 19), .. Sequence(new byte[15], 0, 4), .. Sequence(End)];
        byte[] right = [.. Sequence(new byte[300], 7, 400), .. Sequence([], 3, 19), .. Sequence(new byte[15], 1, 4), .. Sequence(End)];
        var size = new byte[8];
        size[0] = 17;

        AssertRefused("an LZ4 match 0 bytes back", Frame(Linked, 4, Block(zero)));
        AssertRefused("an LZ4 match 0 bytes back", Frame(Linked, 4, Block(late)));
        AssertRefused("an LZ4 match 0 bytes back", Frame(Linked | ContentSize, 4, Block(zero), size));
        AssertRefused("an LZ4 match 0 bytes back", Frame(Unlinked, 4, [.. Block(new byte[20], compressed: false), .. Block(right), .. Block(zero)]));
        AssertRefused("an LZ4 match 0 bytes back", Frame(Linked | BlockChecksums, 4, [.. Block(right, withChecksum: true), .. Block(zero, withChecksum: true)]));
        AssertRefused("an LZ4 match 0 bytes back", [.. Frame(Linked, 4, Block(right)), .. Frame(Linked, 4, Block(zero))]);
        Assert.Equal(750, new Lz4Decompressor().Decompress(Frame(Linked, 4, Block(right))).Length);
    }

    [Fact]
    public void A_frame_to_skip_that_is_cut_off_is_refused()
    {
        var frame = Frame(Linked, 4, Block(Sequence(End)));
        AssertRefused("cut off", [.. frame, 0x50, 0x2A, 0x4D, 0x18, 4, 0, 0, 0, 1, 2, 3]);
        AssertRefused("cut off", [.. frame, 0x5F, 0x2A, 0x4D, 0x18, 0xFF, 0xFF, 0xFF, 0xFF]);
        AssertRefused("there is no LZ4 frame in it", [0x50, 0x2A, 0x4D, 0x18, 1, 0, 0, 0, 1]);
    }

    [Fact]
    public void Checksums_and_sizes_that_do_not_fit_are_told_apart()
    {
        var content = "some content"u8.ToArray();
        var block = Block(content, compressed: false);
        var size = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(size, (ulong)content.Length);
        var checksum = UInt32(XXH32.DigestOf(content));

        var right = Frame(Linked | ContentSize | ContentChecksum, 4, block, size, checksum);
        Assert.Equal(content, new Lz4Decompressor().Decompress(right).ToArray());

        size[0]--;
        AssertRefused("holds 12 bytes and says 11", Frame(Linked | ContentSize, 4, block, size));
        checksum[0]++;
        AssertRefused("no LZ4 data", Frame(Linked | ContentChecksum, 4, block, default, checksum));
        right[^1]++;
        AssertRefused("no LZ4 data", right);

        var checkedBlock = Block(content, compressed: false, withChecksum: true);
        Assert.Equal(content, new Lz4Decompressor().Decompress(Frame(Linked | BlockChecksums, 4, checkedBlock)).ToArray());
        checkedBlock[^1]++;
        AssertRefused("no LZ4 data", Frame(Linked | BlockChecksums, 4, checkedBlock));

        var descriptor = Frame(Linked, 4, block);
        descriptor[6]++;
        AssertRefused("no LZ4 data", descriptor);
    }

    [Fact]
    public void Frames_of_other_kinds_are_refused_by_what_they_are()
    {
        AssertRefused("there is no LZ4 frame in it", []);
        AssertRefused("it begins with 0x184C2102", [0x02, 0x21, 0x4C, 0x18, 0, 0, 0, 0]);
        AssertRefused("no LZ4 data", Frame(Linked | Dictionary, 4, [], UInt32(7)));
        AssertRefused("no LZ4 data", Frame(0x80, 4, []));
        AssertRefused("no LZ4 data", Frame(Linked | 0x02, 4, []));
        AssertRefused("no LZ4 data", Frame(Linked, 3, []));
    }

    [Fact]
    public void Blocks_larger_than_the_frame_allows_are_refused()
    {
        AssertRefused("no LZ4 data", Frame(Linked, 4, Block(new byte[65537], compressed: false)));
        AssertRefused("no LZ4 data", Frame(Linked, 4, Block([.. Sequence([1], 1, 65536), .. Sequence(End)])));
        AssertRefused("no LZ4 data", Frame(Linked, 4, Block([.. Sequence([1], 1, 65524), .. Sequence(End)])));
        Assert.Equal(65536, new Lz4Decompressor().Decompress(Frame(Linked, 4, Block([.. Sequence([1], 1, 65523), .. Sequence(End)]))).Length);
    }

    [Fact]
    public void A_body_larger_than_allowed_is_refused_however_it_comes_to_be_so()
    {
        var decompressor = new Lz4Decompressor(maxBodyLength: 1000);
        var size = new byte[8];
        size[6] = 1;

        Assert.Equal(1000, decompressor.Decompress(Frame(Linked, 4, Block([.. Sequence([1], 1, 987), .. Sequence(End)]))).Length);
        AssertRefused("more than 1000 bytes", Frame(Linked, 4, Block([.. Sequence([1], 1, 988), .. Sequence(End)])), decompressor);
        AssertRefused("more than 1000 bytes", Frame(Linked, 4, Block(new byte[1001], compressed: false)), decompressor);
        AssertRefused("more than 1000 bytes", Frame(Linked | ContentSize, 4, [], size), decompressor);
        Assert.Equal("maxBodyLength", Assert.Throws<RocketMQValidationException>(() => new Lz4Decompressor(0)).Field);
    }

    [Fact]
    public void What_is_kept_of_a_body_is_as_long_as_the_body_and_who_asks_for_less_gets_no_more()
    {
        var frame = Frame(Linked, 4, Block([.. Sequence([1], 1, 987), .. Sequence(End)]));
        var body = new Lz4Decompressor().Decompress(frame, 1000);
        Assert.True(System.Runtime.InteropServices.MemoryMarshal.TryGetArray(body, out var kept));
        Assert.Equal((1000, 1000), (body.Length, kept.Array!.Length));
        Assert.Contains("more than 999 bytes", Assert.Throws<InvalidDataException>(() => new Lz4Decompressor().Decompress(frame, 999)).Message, StringComparison.Ordinal);
    }

    private static void AssertRefused(string reason, byte[] compressed, Lz4Decompressor? decompressor = null)
    {
        var error = Assert.Throws<InvalidDataException>(() => (decompressor ?? new()).Decompress(compressed));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }
}
