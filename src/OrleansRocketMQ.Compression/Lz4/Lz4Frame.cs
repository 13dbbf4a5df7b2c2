using OrleansRocketMQ.Compression.Checksums;

namespace OrleansRocketMQ.Compression;

/// <summary>One LZ4 frame: its descriptor, its blocks, its checksum.</summary>
internal static class Lz4Frame
{
    public const uint Magic = 0x184D2204;

    private const uint UncompressedBit = 0x80000000;

    public static void Decode(ref CompressedReader reader, DecompressedBody body)
    {
        var descriptor = Descriptor.Read(ref reader);
        if (descriptor.ContentSize is { } size)
        {
            body.Expect(size);
        }

        var start = body.Length;
        uint header;
        while ((header = reader.UInt32("a block's size")) != 0)
        {
            DecodeBlock(ref reader, body, descriptor, header, start);
        }

        if (descriptor.ContentSize is { } expected && expected != (ulong)(body.Length - start))
        {
            throw new InvalidDataException($"the LZ4 frame holds {body.Length - start} bytes and says {expected}");
        }

        if (descriptor.HasContentChecksum && reader.UInt32("the content checksum") != XxHash32.Of(body.From(start)))
        {
            throw new InvalidDataException("the content checksum of the LZ4 frame does not match");
        }
    }

    private static void DecodeBlock(ref CompressedReader reader, DecompressedBody body, Descriptor descriptor, uint header, int frameStart)
    {
        var length = header & ~UncompressedBit;
        if (length > descriptor.MaxBlockSize)
        {
            throw new InvalidDataException($"an LZ4 block of {length} bytes where {descriptor.MaxBlockSize} are the most");
        }

        var block = reader.Take(length, "an LZ4 block");
        if (descriptor.HasBlockChecksums && reader.UInt32("a block's checksum") != XxHash32.Of(block))
        {
            throw new InvalidDataException("the checksum of an LZ4 block does not match");
        }

        if ((header & UncompressedBit) != 0)
        {
            body.Append(block);
        }
        else
        {
            Lz4Block.Decode(block, body, descriptor.BlocksAreIndependent ? body.Length : frameStart, descriptor.MaxBlockSize);
        }
    }

    private readonly record struct Descriptor(byte Flags, int MaxBlockSize, ulong? ContentSize)
    {
        public bool BlocksAreIndependent => (Flags & 0x20) != 0;

        public bool HasBlockChecksums => (Flags & 0x10) != 0;

        public bool HasContentChecksum => (Flags & 0x04) != 0;

        public static Descriptor Read(ref CompressedReader reader)
        {
            const string What = "the frame descriptor";
            var copy = reader;
            var flags = reader.Byte(What);
            var block = reader.Byte(What);
            if (flags >> 6 != 1)
            {
                throw new InvalidDataException($"LZ4 frame format version {flags >> 6}, only 1 is known");
            }

            if ((flags & 0x02) != 0 || (block & 0x8F) != 0 || block >> 4 < 4)
            {
                throw new InvalidDataException($"no LZ4 frame descriptor: 0x{flags:X2} 0x{block:X2}");
            }

            var hasDictionary = (flags & 0x01) != 0;
            ulong? contentSize = (flags & 0x08) != 0 ? reader.UInt64(What) : null;
            if (hasDictionary)
            {
                throw new InvalidDataException($"the LZ4 frame needs dictionary {reader.UInt32(What)}; dictionaries are not supported");
            }

            var checksum = (byte)(XxHash32.Of(copy.Take((uint)(copy.Left - reader.Left), What)) >> 8);
            return reader.Byte("the descriptor's checksum") == checksum
                ? new(flags, 1 << (8 + (2 * (block >> 4))), contentSize)
                : throw new InvalidDataException("the checksum of the LZ4 frame descriptor does not match");
        }
    }
}
