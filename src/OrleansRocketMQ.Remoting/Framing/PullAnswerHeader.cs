namespace OrleansRocketMQ.Framing;

/// <summary>
/// The header of an answer to a pull, read off the bytes without a string or a table. Only a plain one is read: without escapes,
/// without white space, with nothing in it that the protocol has not had for years. Whatever it reads, <see cref="JsonHeader"/>
/// reads the same; what it does not read is left to that, which knows every error as well.
/// </summary>
internal struct PullAnswerHeader
{
    // Brokers answer with four to seven.
    private const int MaxFields = 16;
    private const int ResponseBit = 1;
    private const int AllNumbers = 7;
    private const int Table = 8;

    private int _seen;

    public int Code { get; private set; }

    public int Opaque { get; private set; }

    public int Flag { get; private set; }

    public long NextBeginOffset { get; private set; }

    public long MinOffset { get; private set; }

    public long MaxOffset { get; private set; }

    /// <summary>0, the master, where the broker does not tell.</summary>
    public long SuggestedBrokerId { get; private set; }

    /// <summary>How much further offsets in a logical queue are than those in the answer's messages; 0 for other queues.</summary>
    public long OffsetDelta { get; private set; }

    /// <summary>Reads the header of an answer that has all three offsets.</summary>
    /// <returns>False when it is another one, or has to be read by its rules.</returns>
    public static bool TryRead(ReadOnlySpan<byte> json, out PullAnswerHeader header)
    {
        header = default;
        var text = new PlainJson(json);
        if (!text.Take('{'))
        {
            return false;
        }

        do
        {
            if (!text.TryText(out var name) || !text.Take(':') || !header.TryMember(ref text, name))
            {
                return false;
            }
        }
        while (text.Take(','));

        return text.Take('}') && text.IsAtEnd && (header.Flag & ResponseBit) != 0 && (header._seen & AllNumbers) == AllNumbers;
    }

    private bool TryMember(ref PlainJson text, ReadOnlySpan<byte> name)
    {
        if (name.SequenceEqual("extFields"u8))
        {
            // A second table would take the place of the first, with all that is in it.
            var isFirst = (_seen & Table) == 0;
            _seen |= Table;
            return isFirst && TryFields(ref text);
        }

        if (name.SequenceEqual("language"u8) || name.SequenceEqual("serializeTypeCurrentRPC"u8) || name.SequenceEqual("remark"u8))
        {
            return text.TryText(out _);
        }

        if (!text.TryInt32(out var number))
        {
            return false;
        }

        if (name.SequenceEqual("code"u8))
        {
            Code = number;
            return true;
        }

        if (name.SequenceEqual("opaque"u8))
        {
            Opaque = number;
            return true;
        }

        if (name.SequenceEqual("flag"u8))
        {
            Flag = number;
            return true;
        }

        return name.SequenceEqual("version"u8);
    }

    private bool TryFields(ref PlainJson text)
    {
        if (!text.Take('{'))
        {
            return false;
        }

        var left = MaxFields;
        do
        {
            if (left-- == 0 || !text.TryText(out var name) || !text.Take(':') || !text.TryText(out var value) || !TryField(name, value))
            {
                return false;
            }
        }
        while (text.Take(','));

        return text.Take('}');
    }

    // Of two fields of one name the second counts.
    private bool TryField(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        long number;
        if (name.SequenceEqual("nextBeginOffset"u8))
        {
            _seen |= 1;
            var isNumber = PlainJson.TryInt64(value, out number);
            NextBeginOffset = number;
            return isNumber;
        }

        if (name.SequenceEqual("minOffset"u8))
        {
            _seen |= 2;
            var isNumber = PlainJson.TryInt64(value, out number);
            MinOffset = number;
            return isNumber;
        }

        if (name.SequenceEqual("maxOffset"u8))
        {
            _seen |= 4;
            var isNumber = PlainJson.TryInt64(value, out number);
            MaxOffset = number;
            return isNumber;
        }

        if (name.SequenceEqual("suggestWhichBrokerId"u8))
        {
            var isNumber = PlainJson.TryInt64(value, out number);
            SuggestedBrokerId = number;
            return isNumber;
        }

        if (name.SequenceEqual("offsetDelta"u8))
        {
            var isNumber = PlainJson.TryInt64(value, out number);
            OffsetDelta = number;
            return isNumber;
        }

        return true;
    }
}
