using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace OrleansRocketMQ.Docs;

/// <summary>What docs/security.md claims, and what docs/reliability.md says of hostile peers, is shown by tests that there are.</summary>
public sealed partial class SecurityTests
{
    private static readonly Lazy<ILookup<string, string>> Tests = new(() => Repository.Sources("tests")
        .Select(File.ReadAllText)
        .SelectMany(text => Class().Matches(text).Select(match => match.Groups[1].Value).Take(1).Select(name => (name, text)))
        .ToLookup(file => file.name, file => file.text, StringComparer.Ordinal));

    [Theory]
    [InlineData("docs/security.md", "What is claimed, and what shows it", 14)]
    [InlineData("docs/reliability.md", "Hostile peers and listeners", 18)]
    public void Each_row_names_tests_that_there_are(string document, string heading, int least)
    {
        var rows = Table(document, heading);

        Assert.InRange(rows.Count, least, int.MaxValue);
        foreach (var row in rows)
        {
            var named = Test().Matches(row[^1]);
            Assert.True(named.Count > 0, $"nothing shows: {row[0]}");
            Assert.All(named, match => AssertIsThere(match.Groups[1].Value, match.Groups[2].Value));
        }
    }

    [Fact]
    public void An_advisory_about_a_package_is_told_and_breaks_no_build()
    {
        var settings = XDocument.Load(Repository.At("Directory.Build.props")).Descendants();
        var spared = settings.Single(element => element.Name.LocalName == "WarningsNotAsErrors").Value.Split(';');

        Assert.All(new[] { "NU1901", "NU1902", "NU1903", "NU1904" }, advisory => Assert.Contains(advisory, spared));
        Assert.DoesNotContain("audit", File.ReadAllText(Repository.At(".ci/run")), StringComparison.OrdinalIgnoreCase);
    }

    private static void AssertIsThere(string name, string method)
    {
        Assert.True(Tests.Value.Contains(name), $"there is no {name}");
        Assert.True(
            method.Length == 0 || Tests.Value[name].Any(text => text.Contains($" {method}(", StringComparison.Ordinal)),
            $"{name} has no {method}");
    }

    private static List<string[]> Table(string document, string heading) =>
    [
        .. Repository.LinesOf(document)
            .SkipWhile(line => line != $"## {heading}")
            .Skip(1)
            .TakeWhile(line => !line.StartsWith("## ", StringComparison.Ordinal))
            .Where(line => line.StartsWith('|'))
            .Skip(2)
            .Select(line => line.Trim('|', ' ').Split('|', StringSplitOptions.TrimEntries)),
    ];

    [GeneratedRegex("`([A-Za-z0-9]+Tests)(?:\\.([A-Za-z0-9_]+))?`")]
    private static partial Regex Test();

    [GeneratedRegex(@"class (\w+Tests)\b")]
    private static partial Regex Class();
}
