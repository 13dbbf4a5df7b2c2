using FsCheck;
using FsCheck.Fluent;
using OrleansRocketMQ.Compression;

namespace OrleansRocketMQ.Tests;

/// <summary>Whatever bytes come, there is a body within the limit, or the one error callers expect; and there is an end.</summary>
public class CorruptionTests
{
    private const int MaxBodyLength = 4 * 1024 * 1024;
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(5);

    // With its checksum gone, a frame shows what the decoders themselves make of it.
    private static readonly CompressedFixture[] Targets =
        [.. CompressedFixture.All.Where(fixture => fixture.Compressed.Length is > 10 and < 2000 && fixture.Length < MaxBodyLength).Select(WithoutChecksum)];

    private static Gen<(int Place, int Value)> Change => from place in Gen.Choose(0, 1 << 20) from value in Gen.Choose(0, 255) select (place, value);

    [Fact]
    public Task Frames_without_their_checksums_still_decompress() => WithinDeadlineAsync(() => Assert.All(Targets, target => target.AssertDecompresses()));

    [Theory]
    [InlineData(CompressionType.Lz4)]
    [InlineData(CompressionType.Zstd)]
    public Task Corrupted_bodies_are_refused_or_decompressed_and_nothing_else(CompressionType type)
        => WithinDeadlineAsync(() => Check.One(Config.QuickThrowOnFailure.WithMaxTest(8_000), Prop.ForAll(Arb.From(Corrupted(type)), bytes => EndsWell(type, bytes))));

    [Theory]
    [InlineData(CompressionType.Lz4)]
    [InlineData(CompressionType.Zstd)]
    public Task Any_bytes_behind_a_frame_header_are_refused_or_decompressed(CompressionType type) => WithinDeadlineAsync(() =>
    {
        byte[] header = type == CompressionType.Lz4
            ? Lz4Writer.Frame(Lz4Writer.Version, 7, [])[..7]
            : [0x28, 0xB5, 0x2F, 0xFD, 0x00, 0x58];
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(5_000).WithEndSize(2_000), Prop.ForAll(
            Arb.From(Gen.Choose(0, 255).Select(value => (byte)value).ArrayOf()),
            bytes => EndsWell(type, [.. header, .. Lz4Writer.UInt32((uint)bytes.Length).AsSpan(0, type == CompressionType.Lz4 ? 4 : 0), .. ZstdBlockHeader(type, bytes.Length), .. bytes])));
    });

    [Theory]
    [InlineData(CompressionType.Lz4)]
    [InlineData(CompressionType.Zstd)]
    public Task A_body_cut_off_anywhere_is_refused(CompressionType type) => WithinDeadlineAsync(() =>
    {
        foreach (var fixture in CompressedFixture.All.Where(fixture => fixture.Type == type && fixture.Compressed.Length < 300).Take(100))
        {
            for (var length = 0; length < fixture.Compressed.Length; length++)
            {
                Assert.Throws<InvalidDataException>(() => CompressedFixture.DecompressorOf(type).Decompress(fixture.Compressed.AsMemory(0, length)));
            }
        }
    });

    private static Gen<byte[]> Corrupted(CompressionType type) =>
        from target in Gen.Elements(Targets.Where(target => target.Type == type))
        from changes in Gen.Choose(1, 4).SelectMany(count => Change.ArrayOf(count))
        from length in Gen.Frequency((4, Gen.Constant(1000)), (1, Gen.Choose(0, 1000)))
        select Apply(target.Compressed, changes, length);

    private static byte[] ZstdBlockHeader(CompressionType type, int size)
    {
        var header = (size << 3) | 5;
        return type == CompressionType.Zstd ? [(byte)header, (byte)(header >> 8), (byte)(header >> 16)] : [];
    }

    private static Task WithinDeadlineAsync(Action test) => Task.Run(test).WaitAsync(Deadline);

    private static bool EndsWell(CompressionType type, byte[] bytes)
    {
        IMessageDecompressor decompressor = type == CompressionType.Lz4 ? new Lz4Decompressor(MaxBodyLength) : new ZstdDecompressor(MaxBodyLength);
        try
        {
            return decompressor.Decompress(bytes).Length <= MaxBodyLength;
        }
        catch (InvalidDataException)
        {
            return true;
        }
    }

    private static byte[] Apply(byte[] compressed, (int Place, int Value)[] changes, int thousandths)
    {
        var bytes = compressed.ToArray();
        foreach (var (place, value) in changes)
        {
            bytes[place % bytes.Length] = (byte)value;
        }

        return bytes[..(bytes.Length * thousandths / 1000)];
    }

    private static CompressedFixture WithoutChecksum(CompressedFixture fixture)
    {
        const byte ZstdChecksum = 0x04;
        if (fixture.Type != CompressionType.Zstd || (fixture.Compressed[4] & ZstdChecksum) == 0)
        {
            return fixture;
        }

        var bytes = fixture.Compressed[..^4];
        bytes[4] &= unchecked((byte)~ZstdChecksum);
        return fixture with { Compressed = bytes };
    }
}
