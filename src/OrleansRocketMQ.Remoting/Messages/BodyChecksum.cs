using System.IO.Hashing;

namespace OrleansRocketMQ;

/// <summary>CRC-32 (IEEE 802.3) of a stored body without its highest bit, as RocketMQ keeps it.</summary>
internal static class BodyChecksum
{
    public static int Compute(ReadOnlySpan<byte> body) => (int)(Crc32.HashToUInt32(body) & int.MaxValue);
}
