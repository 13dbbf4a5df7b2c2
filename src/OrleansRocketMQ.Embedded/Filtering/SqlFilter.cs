namespace OrleansRocketMQ.Embedded.Filtering;

/// <summary>Selects by a SQL92 condition over the properties. Mirrors <c>SqlFilter</c> and <c>ExpressionMessageFilter</c>.</summary>
internal sealed class SqlFilter : MessageFilter
{
    private readonly SqlNode _condition;

    private SqlFilter(SqlNode condition) => _condition = condition;

    public override bool NeedsMessage => true;

    /// <exception cref="SqlFilterException">The expression cannot be read.</exception>
    public static SqlFilter Compile(string? expression) => new(SqlParser.Parse(expression ?? string.Empty));

    public override bool MayMatch(int tagHash) => true;

    // Neither unknown (null) nor a comparison that makes no sense selects a message.
    public override bool Matches(ReadOnlySpan<byte> storedProperties) => _condition.Evaluate(storedProperties) is true;

    public override string ToString() => _condition.ToString()!;
}
