using System.Globalization;

namespace OrleansRocketMQ.Embedded.Filtering;

/// <summary>
/// Two values side by side. Text is turned into the other side's kind; what cannot be turned is an error, not a
/// mismatch. Mirrors <c>ComparisonExpression</c>.
/// </summary>
internal sealed class SqlComparison(SqlNode left, string symbol, SqlNode right) : SqlNode
{
    /// <summary>What comparing kinds that have nothing in common gives in RocketMQ.</summary>
    private const int Unrelated = -1;

    public override object? Evaluate(ReadOnlySpan<byte> properties)
    {
        var first = left.Evaluate(properties);
        if (first == Failure || (first is null && symbol != "="))
        {
            return first;
        }

        var second = right.Evaluate(properties);
        if (second == Failure)
        {
            return second;
        }

        if (symbol == "=")
        {
            return AreEqual(first, second);
        }

        if (second is null)
        {
            return null;
        }

        // Which text comes first is not for a filter to say; two texts are taken for numbers.
        if (first is string firstText && second is string secondText)
        {
            if (!TryParse(firstText, out double firstNumber) || !TryParse(secondText, out double secondNumber))
            {
                return Failure;
            }

            first = firstNumber;
            second = secondNumber;
        }

        return Order(first!, second) is { } order ? Box(Holds(order)) : Failure;
    }

    public override string ToString() => right is SqlConstant { Value: null } ? $"({left} IS NULL)" : $"({left} {symbol} {right})";

    /// <summary>The order of two values as -1, 0, 1 or the like; null when it is an error to ask.</summary>
    public static int? Order(object first, object second) => (first, second) switch
    {
        (int a, int b) => a.CompareTo(b),
        (int or long, int or long)
            => Convert.ToInt64(first, CultureInfo.InvariantCulture).CompareTo(Convert.ToInt64(second, CultureInfo.InvariantCulture)),
        (int or long or double, int or long or double)
            => Convert.ToDouble(first, CultureInfo.InvariantCulture).CompareTo(Convert.ToDouble(second, CultureInfo.InvariantCulture)),
        (string a, string b) => string.CompareOrdinal(a, b),
        (bool a, bool b) => a.CompareTo(b),
        (bool, string) => null,
        (string a, bool b) => a.Equals("true", StringComparison.OrdinalIgnoreCase).CompareTo(b),
        (int or long or double, string b) => Parse(b, first) is { } number ? Order(first, number) : null,
        (string a, int or long or double) => Parse(a, second) is { } number ? Order(number, second) : null,
        _ => Unrelated,
    };

    private static object? AreEqual(object? first, object? second)
    {
        if (first is null || second is null)
        {
            // NULL = NULL holds, which is how IS NULL is made.
            return first is not null ? False : second is null ? True : null;
        }

        return first.Equals(second) ? True : Order(first, second) is { } order ? Box(order == 0) : Failure;
    }

    private bool Holds(int order) => symbol switch
    {
        "<" => order < 0,
        "<=" => order <= 0,
        ">" => order > 0,
        _ => order >= 0,
    };

    private static object? Parse(string text, object kind) => kind switch
    {
        int => int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : null,
        long => long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : null,
        _ => TryParse(text, out var number) ? number : null,
    };

    private static bool TryParse(string text, out double number)
        => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out number);
}
