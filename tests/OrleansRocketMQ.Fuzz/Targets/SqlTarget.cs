using System.Text;
using OrleansRocketMQ.Embedded.Filtering;
using OrleansRocketMQ.Fuzz.Kernel;

namespace OrleansRocketMQ.Fuzz.Targets;

/// <summary>A condition in SQL92, up to the first zero byte, and the properties of a message behind it.</summary>
internal sealed class SqlTarget : FuzzTarget
{
    public override string Name => "sql92";

    public override IReadOnlyList<string> Decoders => [nameof(SqlParser), "SqlLexer", nameof(SqlNode), nameof(SqlComparison), "SqlToken"];

    // Each of up to 200 links of a chain tells the chain behind it.
    public override long MayAllocate(int length) => 256 * 1024 + 4000L * length;

    public override IReadOnlyList<byte[]> Words { get; } =
    [
        .. new[]
        {
            " AND ", " OR ", "NOT ", "(", ")", " IN ('a','b')", " BETWEEN ", " IS NULL", " IS NOT NULL", " CONTAINS 'a'", " NOT STARTSWITH 'b'",
            " ENDSWITH 'c'", "=", "<>", "<=", ">=", "<", ">", "'", "''", "1.5e10", "0x1F", "9223372036854775808", "-", "+", "TRUE", "FALSE", "a", "b",
            "-- c\n", "/* c */", "1.", ".5", "1L",
        }.Select(Encoding.UTF8.GetBytes),
    ];

    public override IEnumerable<byte[]> Seeds() => new[]
    {
        "a > 3 AND b = 'x'\0a\u00015\u0002b\u0001x\u0002", "(a BETWEEN 1 AND 10) OR NOT (b IS NULL)\0a\u000111\u0002", "a IN ('x', 'y') AND c NOT IN ('z')\0a\u0001x\u0002",
        "a CONTAINS 'x' AND b NOT STARTSWITH 'y' OR c ENDSWITH 'z'\0a\u0001axb\u0002", "TRUE", "-a < 1.5e3 AND a <> 0x1F\0a\u00017\u0002", "a /* c */ = -- d\n 1",
        "a < b AND c >= d\0a\u00011.5\u0002b\u00017\u0002c\u0001x\u0002d\u0001y\u0002", "a = 4294967296 OR b IN (c)\0a\u00014294967296\u0002", "NULL < a",
    }.Select(Encoding.UTF8.GetBytes);

    public override bool Accepts(byte[] input)
    {
        var end = input.AsSpan().IndexOf((byte)0);
        var expression = Encoding.UTF8.GetString(end < 0 ? input : input.AsSpan(0, end));
        var properties = end < 0 ? [] : input.AsSpan(end + 1);
        if (Compile(expression) is not { } filter)
        {
            return false;
        }

        var matches = filter.Matches(properties);
        Must(Compile(expression)!.Matches(properties) == matches, "asked again it says something else");
        if (matches && ClosesOnlyWhatItOpens(expression) && Compile($"NOT ({expression})") is { } opposite)
        {
            Must(!opposite.Matches(properties), "a condition and its opposite are both true");
        }

        _ = filter.ToString();
        return true;
    }

    // What follows a complete condition is ignored; a bracket there would end the opposite too early. Texts and comments may hold any.
    private static bool ClosesOnlyWhatItOpens(string expression)
    {
        if (expression.Contains('\'', StringComparison.Ordinal) || expression.Contains("--", StringComparison.Ordinal) || expression.Contains("/*", StringComparison.Ordinal))
        {
            return false;
        }

        var open = 0;
        foreach (var letter in expression)
        {
            open += letter switch { '(' => 1, ')' => -1, _ => 0 };
            if (open < 0)
            {
                return false;
            }
        }

        return true;
    }

    private static SqlFilter? Compile(string expression)
    {
        try
        {
            return SqlFilter.Compile(expression);
        }
        catch (SqlFilterException)
        {
            return null;
        }
    }
}
