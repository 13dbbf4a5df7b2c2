namespace OrleansRocketMQ.Compression;

/// <summary>The last three offsets of a frame, which sequences may name by a small number (RFC 8878, 3.1.1.5).</summary>
internal struct RecentOffsets
{
    private uint _first = 1;
    private uint _second = 4;
    private uint _third = 8;

    public RecentOffsets()
    {
    }

    /// <summary>The offset a sequence means.</summary>
    /// <param name="value">What the sequence says: 1 to 3 name a recent offset, more is an offset plus 3.</param>
    /// <param name="withoutLiterals">Whether it has no literals: then the last offset makes no sense, and the names shift by one.</param>
    public uint Resolve(uint value, bool withoutLiterals)
    {
        if (value > 3)
        {
            return Remember(value - 3);
        }

        switch (withoutLiterals ? value + 1 : value)
        {
            case 1:
                return _first;
            case 2:
                (_first, _second) = (_second, _first);
                return _first;
            case 3:
                return Remember(_third);
            default:
                return Remember(_first - 1);
        }
    }

    private uint Remember(uint offset)
    {
        (_first, _second, _third) = (offset, _first, _second);
        return offset;
    }
}
