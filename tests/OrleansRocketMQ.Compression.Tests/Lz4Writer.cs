using System.Buffers.Binary;
using K4os.Hash.xxHash;

namespace OrleansRocketMQ.Tests;

/// <summary>Writes LZ4 frames byte by byte, right ones and wrong ones.</summary>
internal static class Lz4Writer
{
    public const byte Version = 0x40;
    public const byte Independent = 0x20;
    public const byte BlockChecksums = 0x10;
    public const byte ContentSize = 0x08;
    public const byte ContentChecksum = 0x04;
    public const byte Dictionary = 0x01;

    public static byte[] Frame(byte flags, byte blockSizeId, IEnumerable<byte> blocks, ReadOnlySpan<byte> optionalFields = default, ReadOnlySpan<byte> checksum = default)
    {
        byte[] descriptor = [flags, (byte)(blockSizeId << 4), .. optionalFields];
        return [0x04, 0x22, 0x4D, 0x18, .. descriptor, (byte)(XXH32.DigestOf(descriptor) >> 8), .. blocks, 0, 0, 0, 0, .. checksum];
    }

    public static byte[] Block(ReadOnlySpan<byte> data, bool compressed = true, bool withChecksum = false)
        => [.. UInt32((uint)data.Length | (compressed ? 0 : 0x80000000)), .. data, .. withChecksum ? UInt32(XXH32.DigestOf(data)) : []];

    /// <summary>Literals followed by a match; without one when the length is 0, as at the end of a block.</summary>
    public static byte[] Sequence(ReadOnlySpan<byte> literals, int offset = 0, int matchLength = 0)
    {
        var match = matchLength == 0 ? 0 : matchLength - 4;
        var token = (byte)((Math.Min(literals.Length, 15) << 4) | Math.Min(match, 15));
        return matchLength == 0
            ? [token, .. More(literals.Length), .. literals]
            : [token, .. More(literals.Length), .. literals, (byte)offset, (byte)(offset >> 8), .. More(match)];
    }

    public static byte[] UInt32(uint value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        return bytes;
    }

    private static byte[] More(int length)
        => length < 15 ? [] : [.. Enumerable.Repeat(byte.MaxValue, (length - 15) / 255), (byte)((length - 15) % 255)];
}
