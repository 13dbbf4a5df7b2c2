namespace OrleansRocketMQ;

/// <summary>How a <see cref="MessageSelector"/>'s expression is read.</summary>
public enum ExpressionType
{
    /// <summary>Tags joined by <c>||</c>, or <c>*</c>.</summary>
    Tag = 0,

    /// <summary>A condition over message properties, for example <c>color = 'red' AND price &gt; 100</c>.</summary>
    Sql92 = 1,
}

/// <summary>
/// Which messages of a topic a group wants. Immutable. Mirrors <c>org.apache.rocketmq.client.consumer.MessageSelector</c>.
/// </summary>
public sealed record MessageSelector
{
    /// <summary>The expression that selects every message.</summary>
    public const string AllTags = "*";

    private MessageSelector(ExpressionType type, string expression)
    {
        Type = type;
        Expression = expression;
    }

    /// <summary>Every message.</summary>
    public static MessageSelector All { get; } = new(ExpressionType.Tag, AllTags);

    /// <summary>How <see cref="Expression"/> is read.</summary>
    public ExpressionType Type { get; }

    /// <summary>The expression as brokers get it.</summary>
    public string Expression { get; }

    /// <summary>Whether every message is wanted.</summary>
    public bool SelectsAll => Type == ExpressionType.Tag && Expression == AllTags;

    /// <summary>Selects by tag: <c>a || b</c>; null, empty and <c>*</c> mean every message.</summary>
    /// <exception cref="RocketMQValidationException">The expression names no tag between two bars.</exception>
    public static MessageSelector ByTag(string? expression)
    {
        if (string.IsNullOrWhiteSpace(expression) || expression.Trim() == AllTags)
        {
            return All;
        }

        var tags = SplitTags(expression);
        if (tags.Length == 0
            || expression.Contains('\u0001', StringComparison.Ordinal)
            || expression.Contains('\u0002', StringComparison.Ordinal))
        {
            throw new RocketMQValidationException("Tag expression", expression, "tags joined by '||', or '*' for every message");
        }

        return new(ExpressionType.Tag, string.Join(" || ", tags));
    }

    /// <summary>
    /// Selects by a SQL92 condition over the properties; checked by the broker, which must have
    /// <c>enablePropertyFilter=true</c>.
    /// </summary>
    /// <exception cref="RocketMQValidationException">The expression is empty.</exception>
    public static MessageSelector BySql(string expression) => string.IsNullOrWhiteSpace(expression)
        ? throw new RocketMQValidationException("SQL92 expression", expression, "a condition such as: color = 'red' AND price > 100")
        : new(ExpressionType.Sql92, expression.Trim());

    /// <summary>The tags of a tag expression; empty when every message is wanted or the expression is SQL92.</summary>
    public IReadOnlyList<string> Tags => Type == ExpressionType.Tag && !SelectsAll ? SplitTags(Expression) : [];

    /// <inheritdoc/>
    public override string ToString() => $"{(Type == ExpressionType.Tag ? "TAG" : "SQL92")}: {Expression}";

    private static string[] SplitTags(string expression)
        => expression.Split("||", StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
}
