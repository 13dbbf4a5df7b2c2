namespace OrleansRocketMQ.Embedded.Filtering;

internal enum SqlTokenKind
{
    End,
    Identifier,
    Keyword,
    String,
    Decimal,
    Float,
    Symbol,
}

/// <summary>A word of an expression; keywords in capitals, strings without their quotes.</summary>
internal readonly record struct SqlToken(SqlTokenKind Kind, string Text)
{
    public bool Is(string keywordOrSymbol) => Kind is SqlTokenKind.Keyword or SqlTokenKind.Symbol && Text == keywordOrSymbol;

    public override string ToString() => Kind == SqlTokenKind.End ? "the end" : $"'{Text}'";
}
