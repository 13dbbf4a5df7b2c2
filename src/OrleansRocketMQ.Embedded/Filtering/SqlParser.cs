using System.Globalization;

namespace OrleansRocketMQ.Embedded.Filtering;

/// <summary>
/// Reads RocketMQ's SQL92 dialect by recursive descent: OR, AND, equality, comparison, unary, primary. Mirrors
/// <c>SelectorParser.jj</c>, down to ignoring what follows a complete expression.
/// </summary>
internal sealed class SqlParser
{
    // Reading and evaluating go as deep as the expression; a stack that overflows would end the process.
    private const int DeepestNesting = 200;
    private const int MostTokens = 10_000;

    private readonly SqlLexer _lexer;
    private SqlToken _current;
    private int _depth;
    private int _chained;
    private int _tokens;

    private SqlParser(string expression)
    {
        _lexer = new(expression);
        _current = _lexer.Next();
    }

    /// <exception cref="SqlFilterException">The expression cannot be read.</exception>
    public static SqlNode Parse(string expression) => Condition(new SqlParser(expression).ReadOr());

    private SqlNode ReadOr() => ReadLogic("OR", parser => parser.ReadAnd());

    private SqlNode ReadAnd() => ReadLogic("AND", parser => parser.ReadEquality());

    // One node for all parts, so that a long list is no deep tree.
    private SqlNode ReadLogic(string word, Func<SqlParser, SqlNode> readPart)
    {
        var first = readPart(this);
        if (!_current.Is(word))
        {
            return first;
        }

        var parts = new List<SqlNode> { Condition(first) };
        while (TryTake(word))
        {
            parts.Add(Condition(readPart(this)));
        }

        return new SqlLogic(parts, isAnd: word == "AND");
    }

    private SqlNode ReadEquality()
    {
        var left = ReadComparison();
        for (var links = 0; ; links++)
        {
            Chain(links);
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
        for (var links = 0; ; links++)
        {
            Chain(links);
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
            return new SqlLogic([Compare(value, "<", low), Compare(value, ">", high)], isAnd: false);
        }

        if (low is SqlConstant lowest && high is SqlConstant highest
            && (lowest.Value is null || highest.Value is null || SqlComparison.Order(highest.Value, lowest.Value) is null or < 0))
        {
            throw new SqlFilterException($"Illegal values of between: {low} must be less than or equal to {high}.");
        }

        return new SqlLogic([Compare(value, ">=", low), Compare(value, "<=", high)], isAnd: true);
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
        return left is SqlProperty
            ? new SqlIn(left, texts, not)
            : throw new SqlFilterException($"Expected a property for In expression, got: {left}");
    }

    private SqlNode ReadUnary()
    {
        while (TryTake("+"))
        {
        }

        if (TryTake("-"))
        {
            return new SqlNegation(Inside(parser => parser.ReadUnary()));
        }

        return TryTake("NOT") ? new SqlNot(Condition(Inside(parser => parser.ReadUnary()))) : ReadPrimary();
    }

    private SqlNode ReadPrimary()
    {
        if (TryTake("("))
        {
            var inner = Inside(parser => parser.ReadOr());
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

    private SqlNode Inside(Func<SqlParser, SqlNode> read)
    {
        if (++_depth > DeepestNesting)
        {
            throw TooDeep();
        }

        var node = read(this);
        _depth--;
        return node;
    }

    // Comparisons of comparisons make a tree as deep as they are many; a first one needs no counting.
    private void Chain(int links)
    {
        if (links > 1 && ++_chained > DeepestNesting)
        {
            throw TooDeep();
        }
    }

    private static SqlFilterException TooDeep() => new($"The expression is nested more than {DeepestNesting} deep.");

    private SqlToken Advance()
    {
        if (++_tokens > MostTokens)
        {
            throw new SqlFilterException($"The expression has more than {MostTokens} words and symbols.");
        }

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
