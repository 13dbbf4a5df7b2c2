using System.Globalization;
using System.Text.RegularExpressions;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Docs;

/// <summary>The table of what is done with requests and properties is whole, and names tests that there are.</summary>
public sealed partial class CompatibilityTests
{
    private const string Document = "docs/compatibility.md";

    [Fact]
    public void Every_request_that_the_library_knows_is_in_the_table()
    {
        var codes = Rows().Select(row => row[0]).ToHashSet(StringComparer.Ordinal);

        var known = typeof(RequestCodes).GetFields()
            .Where(field => field.IsLiteral)
            .Select(field => ((int)field.GetRawConstantValue()!).ToString(CultureInfo.InvariantCulture));
        Assert.All(known, code => Assert.Contains(code, codes));
    }

    [Fact]
    public void Every_property_that_the_library_names_is_in_the_table()
    {
        var text = string.Join('\n', Repository.LinesOf(Document));

        // Dead letters tell of themselves in names of this library's own.
        var named = typeof(MessageProperties).GetFields()
            .Where(field => field.IsLiteral && field.FieldType == typeof(string) && field.IsPublic)
            .Select(field => (string)field.GetRawConstantValue()!)
            .Where(name => !name.StartsWith("DEAD_LETTER_", StringComparison.Ordinal));
        Assert.All(named, name => Assert.Contains($"`{name}`", text, StringComparison.Ordinal));
    }

    [Fact]
    public void Every_test_it_names_is_there_and_what_was_tried_says_on_what()
    {
        var classes = Repository.Sources("tests")
            .SelectMany(file => Class().Matches(File.ReadAllText(file)).Select(match => match.Groups[1].Value))
            .ToHashSet(StringComparer.Ordinal);

        foreach (var row in Rows())
        {
            var (shown, tried) = (row[^2], row[^1]);
            Assert.All(Test().Matches(shown).Select(match => match.Groups[1].Value), name => Assert.Contains(name, classes));
            Assert.True(tried.Length > 0, $"{row[0]}: it does not say on what it was tried");
            Assert.True(tried == "not tried" || Test().IsMatch(shown), $"{row[0]}: nothing shows it");
        }
    }

    private static IEnumerable<string[]> Rows() => Repository.LinesOf(Document)
        .Where(line => line.StartsWith("| ", StringComparison.Ordinal) && !line.StartsWith("| code", StringComparison.Ordinal)
            && !line.StartsWith("| property", StringComparison.Ordinal) && !line.StartsWith("| what", StringComparison.Ordinal))
        .Select(line => line.Trim('|').Split('|').Select(cell => cell.Trim()).ToArray());

    [GeneratedRegex("`([A-Za-z0-9]+Tests)`")]
    private static partial Regex Test();

    [GeneratedRegex(@"class (\w+Tests)\b")]
    private static partial Regex Class();
}
