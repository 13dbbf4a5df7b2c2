using System.Buffers.Binary;
using FsCheck;
using FsCheck.Fluent;
using OrleansRocketMQ.Compression;
using OrleansRocketMQ.Compression.Checksums;
using static OrleansRocketMQ.Tests.Lz4Writer;

namespace OrleansRocketMQ.Tests;

public class Lz4FrameTests
{
    private const byte Linked = Lz4Writer.Version;
    private const byte Unlinked = Lz4Writer.Version | Independent;

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

                block.AddRange(Sequence([7]));
                expected.Add(7);
                blocks.AddRange(Block(block.ToArray()));
            }

            return new Lz4Decompressor().Decompress(Frame(Linked, 7, blocks)).ToArray().SequenceEqual(expected);
        }));

    [Fact]
    public void A_match_of_an_independent_block_cannot_leave_it()
    {
        byte[] blocks = [.. Block(Sequence([1, 2, 3, 4, 5, 6, 7, 8])), .. Block([.. Sequence([9], 2, 4), .. Sequence([])])];

        Assert.Equal(13, new Lz4Decompressor().Decompress(Frame(Linked, 4, blocks)).Length);
        AssertRefused("an LZ4 match 2 bytes back, where 1 are there", Frame(Unlinked, 4, blocks));
    }

    [Fact]
    public void A_match_cannot_leave_its_frame()
    {
        var first = Frame(Linked, 4, Block(Sequence([1, 2, 3, 4, 5, 6, 7, 8])));
        var second = Frame(Linked, 4, Block([.. Sequence([9], 2, 4), .. Sequence([])]));

        AssertRefused("an LZ4 match 2 bytes back, where 1 are there", [.. first, .. second]);
    }

    [Fact]
    public void A_match_of_no_distance_is_refused()
        => AssertRefused("an LZ4 match 0 bytes back", Frame(Linked, 4, Block([.. Sequence([9], 0, 4), .. Sequence([])])));

    [Fact]
    public void Checksums_and_sizes_that_do_not_fit_are_told_apart()
    {
        var content = "some content"u8.ToArray();
        var block = Block(content, compressed: false);
        var size = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(size, (ulong)content.Length);
        var checksum = UInt32(XxHash32.Of(content));

        var right = Frame(Linked | ContentSize | ContentChecksum, 4, block, size, checksum);
        Assert.Equal(content, new Lz4Decompressor().Decompress(right).ToArray());

        size[0]--;
        AssertRefused("holds 12 bytes and says 11", Frame(Linked | ContentSize, 4, block, size));
        checksum[0]++;
        AssertRefused("content checksum of the LZ4 frame", Frame(Linked | ContentChecksum, 4, block, default, checksum));
        right[^1]++;
        AssertRefused("content checksum of the LZ4 frame", right);

        var checkedBlock = Block(content, compressed: false, withChecksum: true);
        Assert.Equal(content, new Lz4Decompressor().Decompress(Frame(Linked | BlockChecksums, 4, checkedBlock)).ToArray());
        checkedBlock[^1]++;
        AssertRefused("checksum of an LZ4 block", Frame(Linked | BlockChecksums, 4, checkedBlock));

        var descriptor = Frame(Linked, 4, block);
        descriptor[6]++;
        AssertRefused("checksum of the LZ4 frame descriptor", descriptor);
    }

    [Fact]
    public void Frames_of_other_kinds_are_refused_by_what_they_are()
    {
        AssertRefused("there is no LZ4 frame in it", []);
        AssertRefused("it begins with 0x184C2102", [0x02, 0x21, 0x4C, 0x18, 0, 0, 0, 0]);
        AssertRefused("dictionary 7; dictionaries are not supported", Frame(Linked | Dictionary, 4, [], UInt32(7)));
        AssertRefused("format version 2", Frame(0x80, 4, []));
        AssertRefused("no LZ4 frame descriptor", Frame(Linked | 0x02, 4, []));
        AssertRefused("no LZ4 frame descriptor", Frame(Linked, 3, []));
    }

    [Fact]
    public void Blocks_larger_than_the_frame_allows_are_refused()
    {
        AssertRefused("an LZ4 block of 65537 bytes where 65536 are the most", Frame(Linked, 4, Block(new byte[65537], compressed: false)));
        AssertRefused("decompresses to more than 65536", Frame(Linked, 4, Block([.. Sequence([1], 1, 65536), .. Sequence([])])));
        AssertRefused("decompresses to more than 65536", Frame(Linked, 4, Block([.. Sequence([1], 1, 65535), .. Sequence([2])])));
        Assert.Equal(65536, new Lz4Decompressor().Decompress(Frame(Linked, 4, Block([.. Sequence([1], 1, 65534), .. Sequence([2])]))).Length);
    }

    [Fact]
    public void A_body_larger_than_allowed_is_refused_however_it_comes_to_be_so()
    {
        var decompressor = new Lz4Decompressor(maxBodyLength: 1000);
        var size = new byte[8];
        size[6] = 1;

        Assert.Equal(1000, decompressor.Decompress(Frame(Linked, 4, Block([.. Sequence([1], 1, 999), .. Sequence([])]))).Length);
        AssertRefused("more than 1000 bytes", Frame(Linked, 4, Block([.. Sequence([1], 1, 1000), .. Sequence([])])), decompressor);
        AssertRefused("more than 1000 bytes", Frame(Linked, 4, Block(new byte[1001], compressed: false)), decompressor);
        AssertRefused("more than 1000 bytes", Frame(Linked | ContentSize, 4, [], size), decompressor);
        Assert.Equal("maxBodyLength", Assert.Throws<RocketMQValidationException>(() => new Lz4Decompressor(0)).Field);
    }

    private static void AssertRefused(string reason, byte[] compressed, Lz4Decompressor? decompressor = null)
    {
        var error = Assert.Throws<InvalidDataException>(() => (decompressor ?? new()).Decompress(compressed));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }
}
