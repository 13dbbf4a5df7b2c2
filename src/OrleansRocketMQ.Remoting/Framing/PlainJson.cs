namespace OrleansRocketMQ.Framing;

/// <summary>Takes plain pieces of JSON off some bytes, one after the other: no white space, no escapes, nothing beyond ASCII.</summary>
internal ref struct PlainJson(ReadOnlySpan<byte> json)
{
    // More digits than these may not fit.
    private const int SafeDigits = 18;

    private readonly ReadOnlySpan<byte> _json = json;
    private int _at;

    public readonly bool IsAtEnd => _at == _json.Length;

    /// <summary>Takes this character, if it is the next.</summary>
    public bool Take(char character)
    {
        if (_at >= _json.Length || _json[_at] != character)
        {
            return false;
        }

        _at++;
        return true;
    }

    /// <summary>Takes a string.</summary>
    public bool TryText(out ReadOnlySpan<byte> text)
    {
        text = default;
        if (!Take('"'))
        {
            return false;
        }

        for (var end = _at; end < _json.Length; end++)
        {
            var unit = _json[end];
            if (unit == '"')
            {
                text = _json[_at..end];
                _at = end + 1;
                return true;
            }

            if (unit is < (byte)' ' or > (byte)'~' or (byte)'\\')
            {
                return false;
            }
        }

        return false;
    }

    /// <summary>Takes a whole number from 0 on.</summary>
    public bool TryInt32(out int number)
    {
        var start = _at;
        while (_at < _json.Length && _json[_at] is >= (byte)'0' and <= (byte)'9')
        {
            _at++;
        }

        var digits = _json[start.._at];
        var isSafe = TryInt64(digits, out var value) && value <= int.MaxValue && (digits[0] != '0' || digits.Length == 1);
        number = isSafe ? (int)value : 0;
        return isSafe;
    }

    /// <summary>Reads a string that is a whole number.</summary>
    public static bool TryInt64(ReadOnlySpan<byte> text, out long number)
    {
        number = 0;
        var isNegative = !text.IsEmpty && text[0] == '-';
        var digits = isNegative ? text[1..] : text;
        if (digits.IsEmpty || digits.Length > SafeDigits)
        {
            return false;
        }

        foreach (var digit in digits)
        {
            if (digit is < (byte)'0' or > (byte)'9')
            {
                return false;
            }

            number = (number * 10) + (digit - '0');
        }

        number = isNegative ? -number : number;
        return true;
    }
}
