using System.Text;

namespace OrleansRocketMQ.Embedded.Filtering;

/// <summary>
/// A part of an expression. Values are text, whole numbers of 32 or 64 bits, floating-point numbers, booleans, null for
/// unknown, and <see cref="Failure"/> where RocketMQ raises an error, which no AND, OR or NOT around it can undo.
/// </summary>
internal abstract class SqlNode
{
    public static readonly object Failure = new();

    public static readonly object True = true;

    public static readonly object False = false;

    /// <summary>Whether it may stand where a condition is needed.</summary>
    public virtual bool IsCondition => true;

    public abstract object? Evaluate(ReadOnlySpan<byte> properties);

    protected static object Box(bool value) => value ? True : False;
}

/// <summary>A value written in the expression.</summary>
internal sealed class SqlConstant(object? value) : SqlNode
{
    public object? Value { get; } = value;

    // TRUE, FALSE and NULL are conditions of their own.
    public override bool IsCondition => Value is null or bool;

    public override object? Evaluate(ReadOnlySpan<byte> properties) => Value;

    public override string ToString() => Value switch
    {
        null => "NULL",
        bool value => value ? "TRUE" : "FALSE",
        string text => $"'{text.Replace("'", "''", StringComparison.Ordinal)}'",
        double number => number.ToString("E16", System.Globalization.CultureInfo.InvariantCulture),
        _ => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{Value}"),
    };
}

/// <summary>A property of the message; always text, or null when it has none of that name.</summary>
internal sealed class SqlProperty(string name) : SqlNode
{
    private readonly byte[] _utf8Name = Encoding.UTF8.GetBytes(name);

    public override bool IsCondition => false;

    public override object? Evaluate(ReadOnlySpan<byte> properties)
        => MessageProperties.TryFind(properties, _utf8Name, out var value) ? Encoding.UTF8.GetString(value) : null;

    public override string ToString() => name;
}

/// <summary>A property in the place of a condition. As properties are text, it is false or unknown, never true.</summary>
internal sealed class SqlBooleanCast(SqlNode inner) : SqlNode
{
    public override object? Evaluate(ReadOnlySpan<byte> properties) => inner.Evaluate(properties) switch
    {
        null => null,
        bool value => Box(value),
        var other when other == Failure => Failure,
        _ => False,
    };

    public override string ToString() => inner.ToString()!;
}

internal sealed class SqlNegation(SqlNode inner) : SqlNode
{
    public override bool IsCondition => false;

    public override object? Evaluate(ReadOnlySpan<byte> properties) => inner.Evaluate(properties) switch
    {
        int number => unchecked(-number),
        long number => unchecked(-number),
        double number => -number,
        var other when other == Failure => Failure,
        _ => null,
    };

    public override string ToString() => $"- {inner}";
}

internal sealed class SqlNot(SqlNode inner) : SqlNode
{
    public override object? Evaluate(ReadOnlySpan<byte> properties) => inner.Evaluate(properties) switch
    {
        bool value => Box(!value),
        var other => other,
    };

    public override string ToString() => $"NOT ({inner})";
}

/// <summary>AND or OR of conditions that may be unknown; those behind the one that decides are not looked at.</summary>
internal sealed class SqlLogic(IReadOnlyList<SqlNode> parts, bool isAnd) : SqlNode
{
    public override object? Evaluate(ReadOnlySpan<byte> properties)
    {
        var unknown = false;
        for (var i = 0; i < parts.Count; i++)
        {
            var value = parts[i].Evaluate(properties);
            if (value == Failure || value is bool decided && decided != isAnd)
            {
                return value;
            }

            unknown |= value is null;
        }

        return unknown ? null : Box(isAnd);
    }

    public override string ToString() => string.Join(isAnd ? " AND " : " OR ", parts.Select(part => $"({part})"));
}

/// <summary>Whether a property is one of some texts.</summary>
internal sealed class SqlIn(SqlNode property, IReadOnlyList<string> texts, bool not) : SqlNode
{
    public override object? Evaluate(ReadOnlySpan<byte> properties)
        => property.Evaluate(properties) is string text ? Box(texts.Contains(text, StringComparer.Ordinal) != not) : null;

    public override string ToString()
        => $"{property} {(not ? "NOT IN" : "IN")} ({string.Join(", ", texts.Select(text => new SqlConstant(text)))})";
}

/// <summary>CONTAINS, STARTSWITH, ENDSWITH; false for what is no text and for an empty search, be it with NOT or not.</summary>
internal sealed class SqlTextMatch(SqlNode inner, string keyword, string search, bool not) : SqlNode
{
    public override object? Evaluate(ReadOnlySpan<byte> properties)
    {
        if (search.Length == 0)
        {
            return False;
        }

        var value = inner.Evaluate(properties);
        if (value is not string text)
        {
            return value == Failure ? Failure : False;
        }

        var found = keyword switch
        {
            "CONTAINS" => text.Contains(search, StringComparison.Ordinal),
            "STARTSWITH" => text.StartsWith(search, StringComparison.Ordinal),
            _ => text.EndsWith(search, StringComparison.Ordinal),
        };
        return Box(found != not);
    }

    public override string ToString() => $"{inner} {(not ? "NOT " : string.Empty)}{keyword} {new SqlConstant(search)}";
}
