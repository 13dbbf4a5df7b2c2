namespace OrleansRocketMQ.Compression;

/// <summary>The sequences of a block: so many literals, then a match, over and over; literals left over come last (RFC 8878, 3.1.1.3.2).</summary>
internal sealed class ZstdSequences(DecompressedBody body, int frameStart, ulong windowSize)
{
    private const string What = "the sequences' header";

    private RecentOffsets _offsets = new();
    private FseTable? _literalLengths;
    private FseTable? _matchLengths;
    private FseTable? _offsetCodes;

    public void Execute(scoped ref CompressedReader reader, scoped ReadOnlySpan<byte> literals, int maxBlockSize)
    {
        var end = body.Length + (long)maxBlockSize;
        var count = ReadCount(ref reader);
        if (count > 0)
        {
            ReadTables(ref reader);
            literals = ExecuteAll(reader.TakeRest(), count, literals, end);
        }
        else if (!reader.IsAtEnd)
        {
            throw new InvalidDataException($"{reader.Left} bytes after a block without sequences");
        }

        if (literals.Length > end - body.Length)
        {
            throw TooLong(maxBlockSize);
        }

        body.Append(literals);
    }

    private static int ReadCount(ref CompressedReader reader)
    {
        int first = reader.Byte(What);
        return first switch
        {
            < 128 => first,
            < 255 => ((first - 128) << 8) + reader.Byte(What),
            _ => reader.UInt16(What) + 0x7F00,
        };
    }

    private void ReadTables(ref CompressedReader reader)
    {
        var modes = reader.Byte(What);
        if ((modes & 3) != 0)
        {
            throw new InvalidDataException("reserved bits of the sequences' header are set");
        }

        _literalLengths = SequenceCode.LiteralLength.Read(ref reader, modes >> 6, _literalLengths);
        _offsetCodes = SequenceCode.Offset.Read(ref reader, (modes >> 4) & 3, _offsetCodes);
        _matchLengths = SequenceCode.MatchLength.Read(ref reader, (modes >> 2) & 3, _matchLengths);
    }

    /// <returns>The literals left over.</returns>
    private ReadOnlySpan<byte> ExecuteAll(ReadOnlySpan<byte> stream, int count, ReadOnlySpan<byte> literals, long end)
    {
        var bits = new BackwardBits(stream, "sequences");
        var literalState = _literalLengths!.Start(ref bits);
        var offsetState = _offsetCodes!.Start(ref bits);
        var matchState = _matchLengths!.Start(ref bits);
        while (true)
        {
            var offsetValue = SequenceCode.Offset.Value(_offsetCodes.SymbolOf(offsetState), ref bits);
            var matchLength = SequenceCode.MatchLength.Value(_matchLengths.SymbolOf(matchState), ref bits);
            var literalLength = SequenceCode.LiteralLength.Value(_literalLengths.SymbolOf(literalState), ref bits);
            if (bits.Left < 0)
            {
                throw new InvalidDataException("cut off inside of the sequences");
            }

            var offset = _offsets.Resolve(offsetValue, withoutLiterals: literalLength == 0);
            literals = Execute(literals, literalLength, offset, matchLength, end);
            if (--count == 0)
            {
                break;
            }

            literalState = _literalLengths.Next(literalState, ref bits);
            matchState = _matchLengths.Next(matchState, ref bits);
            offsetState = _offsetCodes.Next(offsetState, ref bits);
        }

        return bits.Left == 0 ? literals : throw new InvalidDataException("the stream of sequences is longer than they are");
    }

    private ReadOnlySpan<byte> Execute(ReadOnlySpan<byte> literals, uint literalLength, uint offset, uint matchLength, long end)
    {
        if (literalLength > literals.Length)
        {
            throw new InvalidDataException($"a sequence with {literalLength} literals, where {literals.Length} are left");
        }

        if (literalLength + (long)matchLength > end - body.Length)
        {
            throw TooLong((int)(end - body.Length));
        }

        body.Append(literals[..(int)literalLength]);
        var before = body.Length - frameStart;
        if (offset == 0 || offset > before || offset > windowSize)
        {
            throw new InvalidDataException($"a Zstandard match {offset} bytes back, where {before} are there and the window has {windowSize}");
        }

        body.AppendMatch((int)offset, (int)matchLength);
        return literals[(int)literalLength..];
    }

    private static InvalidDataException TooLong(int room) => new($"a Zstandard block decompresses to more than the {room} bytes left for it");
}
