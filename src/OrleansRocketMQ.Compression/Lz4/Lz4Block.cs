namespace OrleansRocketMQ.Compression;

/// <summary>One compressed LZ4 block: literals and matches in turn, the last sequence literals only.</summary>
internal static class Lz4Block
{
    private const int LongLength = 15;
    private const int ShortestMatch = 4;

    /// <param name="block">The block.</param>
    /// <param name="body">Gets the bytes.</param>
    /// <param name="oldest">Where the oldest byte a match may refer to stands.</param>
    /// <param name="mostBytes">Bytes a block may hold.</param>
    public static void Decode(ReadOnlySpan<byte> block, DecompressedBody body, int oldest, int mostBytes)
    {
        var reader = new CompressedReader(block);
        var end = (long)body.Length + mostBytes;
        while (true)
        {
            var token = reader.Byte("an LZ4 sequence");
            var literals = Length(ref reader, token >> 4);
            body.Append(reader.Take(literals, "literals"));
            if (reader.IsAtEnd)
            {
                break;
            }

            var offset = reader.UInt16("a match's offset");
            if (offset == 0 || offset > body.Length - oldest)
            {
                throw new InvalidDataException($"an LZ4 match {offset} bytes back, where {body.Length - oldest} are there");
            }

            var match = (long)Length(ref reader, token & LongLength) + ShortestMatch;
            if (match > end - body.Length)
            {
                throw TooLong(mostBytes);
            }

            body.AppendMatch(offset, (int)match);
        }

        if (body.Length > end)
        {
            throw TooLong(mostBytes);
        }
    }

    // A block is 4 MiB at most, and each byte adds 255 at most: 32 bits are enough.
    private static uint Length(ref CompressedReader reader, int nibble)
    {
        var length = (uint)nibble;
        if (nibble == LongLength)
        {
            byte more;
            do
            {
                length += more = reader.Byte("a length");
            }
            while (more == byte.MaxValue);
        }

        return length;
    }

    private static InvalidDataException TooLong(int mostBytes) => new($"an LZ4 block decompresses to more than {mostBytes} bytes");
}
