using System.Text.RegularExpressions;

namespace OrleansRocketMQ.Docs;

/// <summary>Who looks for a line of the log in docs/troubleshooting.md finds it there as it is in the code.</summary>
public sealed partial class LogLineTests
{
    public static TheoryData<string> Lines => [.. Repository.Blocks("docs/troubleshooting.md", "log").SelectMany(block => block).Distinct()];

    private static readonly Lazy<string[]> Sources = new(() =>
    [
        .. Repository.Sources("src")
            .SelectMany(file => Joined(File.ReadAllText(file)).Split('\n'))
            .Where(line => line.Contains('"', StringComparison.Ordinal)),
    ]);

    [Theory]
    [MemberData(nameof(Lines))]
    public void A_quoted_line_stands_in_the_sources(string line)
        => Assert.True(Sources.Value.Any(source => Holds(source, line)), $"No line of the sources says: {line}");

    [Fact]
    public void Lines_that_do_not_stand_there_are_noticed()
    {
        Assert.True(Lines.Count > 40);
        Assert.True(Holds("[LoggerMessage(1, LogLevel.Information, \"Group {Group} has started\")]", "Group {Name} has started"));
        Assert.False(Holds("[LoggerMessage(1, LogLevel.Information, \"Group {Group} has started\")]", "Group {Group} has begun"));
        Assert.False(Holds("\"started has Group {Group}\"", "Group {Group} has started"));
    }

    [Fact]
    public void A_text_over_several_lines_is_one_text() => Assert.Equal(
        "Log(\"Group {Group} has started; its queues follow\", a + b)",
        Joined("Log(\"Group {Group} has started; \"\n    + \"its queues follow\", a + b)"));

    /// <summary>The source with each text in one piece that it puts together from several.</summary>
    private static string Joined(string source) => Seam().Replace(source, string.Empty);

    /// <summary>Whether the source has the line's words in order; what stands in braces may be called otherwise.</summary>
    private static bool Holds(string source, string line)
    {
        var at = 0;
        foreach (var words in Placeholder().Split(line))
        {
            at = source.IndexOf(words, at, StringComparison.Ordinal);
            if (at < 0)
            {
                return false;
            }

            at += words.Length;
        }

        return true;
    }

    [GeneratedRegex(@"\{[^}]*\}")]
    private static partial Regex Placeholder();

    [GeneratedRegex("\"\\s*\\+\\s*\\$?\"")]
    private static partial Regex Seam();
}
