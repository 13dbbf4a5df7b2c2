namespace OrleansRocketMQ.Compression;

/// <summary>A frame with somebody's own data, which LZ4 and Zstandard have in common and decoders pass over.</summary>
internal static class SkippableFrame
{
    public static bool Is(uint magic) => (magic & 0xFFFFFFF0) == 0x184D2A50;

    public static void Skip(ref CompressedReader reader) => reader.Take(reader.UInt32("the length of a skippable frame"), "a skippable frame");
}
