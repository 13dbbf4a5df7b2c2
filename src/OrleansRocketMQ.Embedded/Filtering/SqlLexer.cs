using System.Collections.Frozen;

namespace OrleansRocketMQ.Embedded.Filtering;

/// <summary>Splits an expression into tokens by the rules of <c>SelectorParser.jj</c>, one at a time.</summary>
internal sealed class SqlLexer(string text)
{
    private static readonly FrozenSet<string> Keywords = FrozenSet.Create(
        StringComparer.OrdinalIgnoreCase,
        "NOT", "AND", "OR", "BETWEEN", "IN", "TRUE", "FALSE", "NULL", "IS", "CONTAINS", "STARTSWITH", "ENDSWITH");

    private static readonly string[] Symbols = ["<>", "<=", ">=", "=", "<", ">", "(", ")", ",", "+", "-"];

    private int _position;

    /// <exception cref="SqlFilterException">No token begins here.</exception>
    public SqlToken Next()
    {
        SkipBlanksAndComments();
        if (_position == text.Length)
        {
            return new(SqlTokenKind.End, string.Empty);
        }

        var first = text[_position];
        if (first == '\'')
        {
            return ReadString();
        }

        if (char.IsAsciiDigit(first) || (first == '.' && _position + 1 < text.Length && char.IsAsciiDigit(text[_position + 1])))
        {
            return ReadNumber();
        }

        if (IsIdentifierStart(first))
        {
            return ReadWord();
        }

        foreach (var symbol in Symbols)
        {
            if (string.CompareOrdinal(text, _position, symbol, 0, symbol.Length) == 0)
            {
                _position += symbol.Length;
                return new(SqlTokenKind.Symbol, symbol);
            }
        }

        throw new SqlFilterException($"Unexpected character '{first}' at {_position}.");
    }

    private static bool IsIdentifierStart(char character) => char.IsAsciiLetter(character) || character is '_' or '$';

    private void SkipBlanksAndComments()
    {
        while (_position < text.Length)
        {
            if (text[_position] is ' ' or '\t' or '\n' or '\r' or '\f')
            {
                _position++;
            }
            else if (!TrySkip("--", "\n", "\r") && !TrySkip("/*", "*/", "*/"))
            {
                return;
            }
        }
    }

    // A comment that does not end is none; its first characters are then taken as what they are.
    private bool TrySkip(string begin, string end, string otherEnd)
    {
        if (string.CompareOrdinal(text, _position, begin, 0, begin.Length) != 0)
        {
            return false;
        }

        var from = _position + begin.Length;
        var stop = text.IndexOf(end, from, StringComparison.Ordinal);
        var otherStop = text.IndexOf(otherEnd, from, StringComparison.Ordinal);
        var first = stop < 0 ? otherStop : otherStop < 0 ? stop : Math.Min(stop, otherStop);
        if (first < 0)
        {
            return false;
        }

        _position = first + end.Length;
        return true;
    }

    private SqlToken ReadString()
    {
        var value = new System.Text.StringBuilder();
        for (var position = _position + 1; position < text.Length; position++)
        {
            if (text[position] != '\'')
            {
                value.Append(text[position]);
            }
            else if (position + 1 < text.Length && text[position + 1] == '\'')
            {
                value.Append('\'');
                position++;
            }
            else
            {
                _position = position + 1;
                return new(SqlTokenKind.String, value.ToString());
            }
        }

        throw new SqlFilterException($"The string at {_position} does not end.");
    }

    private SqlToken ReadNumber()
    {
        var start = _position;
        var end = SkipDigits(start);
        var isFloat = false;
        if (end < text.Length && text[end] == '.')
        {
            isFloat = true;
            end = SkipDigits(end + 1);
        }

        var exponentEnd = SkipExponent(end);
        if (exponentEnd > end)
        {
            isFloat = true;
            end = exponentEnd;
        }

        if (isFloat)
        {
            _position = end;
            return new(SqlTokenKind.Float, text[start..end]);
        }

        if (text[start] == '0')
        {
            // A whole number has no leading zeros, so the zero stands alone.
            _position = start + 1;
            return new(SqlTokenKind.Decimal, "0");
        }

        _position = end < text.Length && text[end] is 'l' or 'L' ? end + 1 : end;
        return new(SqlTokenKind.Decimal, text[start..end]);
    }

    private int SkipDigits(int position)
    {
        while (position < text.Length && char.IsAsciiDigit(text[position]))
        {
            position++;
        }

        return position;
    }

    private int SkipExponent(int position)
    {
        if (position >= text.Length || text[position] is not ('e' or 'E'))
        {
            return position;
        }

        var digits = position + 1;
        if (digits < text.Length && text[digits] is '+' or '-')
        {
            digits++;
        }

        var end = SkipDigits(digits);
        return end > digits ? end : position;
    }

    private SqlToken ReadWord()
    {
        var start = _position;
        while (_position < text.Length && (IsIdentifierStart(text[_position]) || char.IsAsciiDigit(text[_position])))
        {
            _position++;
        }

        var word = text[start.._position];
        return Keywords.Contains(word)
            ? new(SqlTokenKind.Keyword, word.ToUpperInvariant())
            : new(SqlTokenKind.Identifier, word);
    }
}
