using System.Globalization;

namespace OrleansRocketMQ.Embedded.Filtering;

/// <summary>
/// Reads RocketMQ's SQL92 dialect by recursive descent: OR, AND, equality, comparison, unary, primary. Mirrors
/// <c>SelectorParser.jj</c>, down to ignoring what follows a complete expression.
/// </summary>
internal sealed class SqlParser
{
    private readonly SqlLexer _lexer;
    private SqlToken _current;

    private SqlParser(string expression)
    {
        _lexer = new(expression);
        _current = _lexer.Next();
    }

    /// <exception cref="SqlFilterException">The expression cannot be read.</exception>
    public static SqlNode Parse(string expression) => Condition(new SqlParser(expression).ReadOr());

    private SqlNode ReadOr()
    {
        var left = ReadAnd();
        while (TryTake("OR"))
        {
            var right = ReadAnd();
            left = new SqlLogic(Condition(left), Condition(right), isAnd: false);
        }

        return left;
    }

    private SqlNode ReadAnd()
    {
        var left = ReadEquality();
        while (TryTake("AND"))
        {
            var right = ReadEquality();
            left = new SqlLogic(Condition(left), Condition(right), isAnd: true);
        }

        return left;
    }

    private SqlNode ReadEquality()
    {
        var left = ReadComparison();
        while (true)
        {
            if (TryTake("="))
            {
                left = Equal(left, ReadComparison());
            }
            else if (TryTake("<>"))
            {
                left = new SqlNot(Equal(left, ReadComparison()));
            }
            else if (TryTake("IS"))
            {
                var not = TryTake("NOT");
                Take("NULL");
                SqlNode isNull = new SqlComparison(left, "=", new SqlConstant(null));
                left = not ? new SqlNot(isNull) : isNull;
            }
            else
            {
                return left;
            }
        }
    }

    private SqlNode ReadComparison()
    {
        var left = ReadUnary();
        while (true)
        {
            var not = TryTake("NOT");
            if (not && !IsComparisonWord(_current))
            {
                throw new SqlFilterException($"Unexpected {_current} after NOT.");
            }

            if (_current.Is("<") || _current.Is("<=") || _current.Is(">") || _current.Is(">="))
            {
                var symbol = Advance().Text;
                left = Compare(left, symbol, ReadUnary());
            }
            else if (_current.Is("CONTAINS") || _current.Is("STARTSWITH") || _current.Is("ENDSWITH"))
            {
                var keyword = Advance().Text;
                left = new SqlTextMatch(left, keyword, TakeString(), not);
            }
            else if (TryTake("BETWEEN"))
            {
                left = ReadBetween(left, not);
            }
            else if (TryTake("IN"))
            {
                left = ReadIn(left, not);
            }
            else
            {
                return left;
            }
        }
    }

    private SqlLogic ReadBetween(SqlNode value, bool not)
    {
        var low = ReadUnary();
        Take("AND");
        var high = ReadUnary();
        if (not)
        {
            return new SqlLogic(Compare(value, "<", low), Compare(value, ">", high), isAnd: false);
        }

        if (low is SqlConstant lowest && high is SqlConstant highest
            && (lowest.Value is null || highest.Value is null || SqlComparison.Order(highest.Value, lowest.Value) is null or < 0))
        {
            throw new SqlFilterException($"Illegal values of between: {low} must be less than or equal to {high}.");
        }

        return new SqlLogic(Compare(value, ">=", low), Compare(value, "<=", high), isAnd: true);
    }

    private SqlIn ReadIn(SqlNode left, bool not)
    {
        Take("(");
        var texts = new List<string> { TakeString() };
        while (TryTake(","))
        {
            texts.Add(TakeString());
        }

        Take(")");
        return left is SqlProperty ? new SqlIn(left, texts, not) : throw new SqlFilterException($"Expected a property for In expression, got: {left}");
    }

    private SqlNode ReadUnary()
    {
        if (TryTake("+"))
        {
            return ReadUnary();
        }

        if (TryTake("-"))
        {
            return new SqlNegation(ReadUnary());
        }

        return TryTake("NOT") ? new SqlNot(Condition(ReadUnary())) : ReadPrimary();
    }

    private SqlNode ReadPrimary()
    {
        if (TryTake("("))
        {
            var inner = ReadOr();
            Take(")");
            return inner;
        }

        var token = Advance();
        return token switch
        {
            { Kind: SqlTokenKind.Identifier } => new SqlProperty(token.Text),
            { Kind: SqlTokenKind.String } => new SqlConstant(token.Text),
            { Kind: SqlTokenKind.Decimal } => WholeNumber(token.Text),
            { Kind: SqlTokenKind.Float } => new SqlConstant(Float(token.Text)),
            { Kind: SqlTokenKind.Keyword, Text: "TRUE" } => new SqlConstant(true),
            { Kind: SqlTokenKind.Keyword, Text: "FALSE" } => new SqlConstant(false),
            { Kind: SqlTokenKind.Keyword, Text: "NULL" } => new SqlConstant(null),
            _ => throw new SqlFilterException($"Unexpected {token}."),
        };
    }

    private static SqlNode Condition(SqlNode node) => node switch
    {
        { IsCondition: true } => node,
        SqlProperty => new SqlBooleanCast(node),
        _ => throw new SqlFilterException($"Expression will not result in a boolean value: {node}"),
    };

    private static SqlComparison Equal(SqlNode left, SqlNode right)
    {
        if (left is SqlConstant { Value: null } || right is SqlConstant { Value: null })
        {
            throw new SqlFilterException("'NULL' cannot be compared; use IS NULL.");
        }

        if (left is SqlConstant { Value: bool } && right is SqlConstant { Value: not bool })
        {
            throw new SqlFilterException($"'{left}' cannot be compared with '{right}'");
        }

        return new(left, "=", right);
    }

    private static SqlComparison Compare(SqlNode left, string symbol, SqlNode right)
    {
        foreach (var side in new[] { left, right })
        {
            if (side is SqlConstant constant ? constant.Value is not (int or long or double) : side.IsCondition)
            {
                throw new SqlFilterException($"Value '{side}' cannot be compared.");
            }
        }

        return new(left, symbol, right);
    }

    private static SqlConstant WholeNumber(string digits)
    {
        if (!long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
        {
            throw new SqlFilterException($"{digits} does not fit 64 bits.");
        }

        // Kept apart as in Java, where text compared with a small number must fit 32 bits.
        return number <= int.MaxValue ? new((int)number) : new(number);
    }

    private static double Float(string text)
    {
        var number = double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture);
        if (double.IsInfinity(number))
        {
            throw new SqlFilterException($"{text} is too large.");
        }

        // RocketMQ takes the smallest positive number for the smallest, so it refuses 0.0.
        return number >= double.Epsilon ? number : throw new SqlFilterException($"{text} is less than {double.Epsilon}");
    }

    private static bool IsComparisonWord(SqlToken token)
        => token.Is("CONTAINS") || token.Is("STARTSWITH") || token.Is("ENDSWITH") || token.Is("BETWEEN") || token.Is("IN");

    private SqlToken Advance()
    {
        var taken = _current;
        _current = taken.Kind == SqlTokenKind.End ? taken : _lexer.Next();
        return taken;
    }

    private bool TryTake(string keywordOrSymbol)
    {
        if (!_current.Is(keywordOrSymbol))
        {
            return false;
        }

        Advance();
        return true;
    }

    private void Take(string keywordOrSymbol)
    {
        if (!TryTake(keywordOrSymbol))
        {
            throw new SqlFilterException($"Expected {keywordOrSymbol}, found {_current}.");
        }
    }

    private string TakeString()
    {
        var token = Advance();
        return token.Kind == SqlTokenKind.String ? token.Text : throw new SqlFilterException($"Expected a string, found {token}.");
    }
}
