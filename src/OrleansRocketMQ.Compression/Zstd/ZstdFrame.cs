using OrleansRocketMQ.Compression.Checksums;

namespace OrleansRocketMQ.Compression;

/// <summary>One Zstandard frame: its header, its blocks, its checksum (RFC 8878, 3.1.1).</summary>
internal static class ZstdFrame
{
    public const uint Magic = 0xFD2FB528;

    public static void Decode(ref CompressedReader reader, DecompressedBody body)
    {
        var header = ZstdFrameHeader.Read(ref reader);
        if (header.ContentSize is { } size)
        {
            body.Expect(size);
        }

        var start = body.Length;
        var blocks = new ZstdBlocks(body, header.WindowSize);
        while (!blocks.DecodeNext(ref reader))
        {
        }

        if (header.ContentSize is { } expected && expected != (ulong)(body.Length - start))
        {
            throw new InvalidDataException($"the Zstandard frame holds {body.Length - start} bytes and says {expected}");
        }

        if (header.HasChecksum && reader.UInt32("the content checksum") != (uint)XxHash64.Of(body.From(start)))
        {
            throw new InvalidDataException("the content checksum of the Zstandard frame does not match");
        }
    }
}

/// <summary>What a frame says of itself.</summary>
/// <param name="WindowSize">How far back matches may refer.</param>
/// <param name="ContentSize">How many bytes the frame holds, if it says so.</param>
/// <param name="HasChecksum">Whether a checksum follows the last block.</param>
internal readonly record struct ZstdFrameHeader(ulong WindowSize, ulong? ContentSize, bool HasChecksum)
{
    public static ZstdFrameHeader Read(ref CompressedReader reader)
    {
        const string What = "the frame header";
        var descriptor = reader.Byte(What);
        if ((descriptor & 0x08) != 0)
        {
            throw new InvalidDataException("the reserved bit of the Zstandard frame header is set");
        }

        var singleSegment = (descriptor & 0x20) != 0;
        var windowSize = singleSegment ? 0 : WindowSizeOf(reader.Byte(What));
        uint dictionary = (descriptor & 3) switch
        {
            0 => 0,
            1 => reader.Byte(What),
            2 => reader.UInt16(What),
            _ => reader.UInt32(What),
        };
        if (dictionary != 0)
        {
            throw new InvalidDataException($"the Zstandard frame needs dictionary {dictionary}; dictionaries are not supported");
        }

        ulong? contentSize = (descriptor >> 6) switch
        {
            0 => singleSegment ? reader.Byte(What) : null,
            1 => reader.UInt16(What) + 256UL,
            2 => reader.UInt32(What),
            _ => reader.UInt64(What),
        };
        return new(singleSegment ? contentSize!.Value : windowSize, contentSize, HasChecksum: (descriptor & 0x04) != 0);
    }

    private static ulong WindowSizeOf(byte descriptor)
    {
        var power = 1UL << (10 + (descriptor >> 3));
        return power + (power / 8 * (uint)(descriptor & 7));
    }
}
