using System.Text;
using OrleansRocketMQ.Embedded.Filtering;

namespace OrleansRocketMQ.Tests.Sql;

/// <summary>What RocketMQ 5.3.3's own parser and evaluator say to the same expressions and properties, recorded line by line.</summary>
public class SqlAgainstJavaTests
{
    private static readonly byte[] Properties = Encoding.UTF8.GetBytes(MessageProperties.Encode(new Dictionary<string, string>
    {
        ["n"] = "5", ["f"] = "2.5", ["s"] = "abc", ["t"] = "true", ["big"] = "3000000000",
        ["neg"] = "-7", ["e"] = string.Empty, ["q"] = "it's", ["$x"] = "1", ["IN2"] = "z",
    }));

    [Fact]
    public void Every_recorded_expression_is_answered_as_by_Java()
    {
        var lines = ReadLines();
        Assert.True(lines.Length > 200);

        var different = lines
            .Select(line => line.Split('\t', 2))
            .Select(line => (Java: line[0], Expression: line[1], Ours: Evaluate(line[1].Replace("\\n", "\n", StringComparison.Ordinal))))
            .Where(line => line.Java != line.Ours)
            .Select(line => $"{line.Expression}   Java: {line.Java}, ours: {line.Ours}");
        Assert.Empty(different);
    }

    private static string Evaluate(string expression)
    {
        try
        {
            var value = SqlParser.Parse(expression).Evaluate(Properties);
            return value switch
            {
                null => "null",
                bool truth => truth ? "true" : "false",
                _ => "fail",
            };
        }
        catch (SqlFilterException)
        {
            return "syntax";
        }
    }

    private static string[] ReadLines()
    {
        using var stream = typeof(SqlAgainstJavaTests).Assembly.GetManifestResourceStream(
            typeof(SqlAgainstJavaTests).Assembly.GetManifestResourceNames().Single(name => name.EndsWith("java-5.3.3-answers.tsv", StringComparison.Ordinal)))!;
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
