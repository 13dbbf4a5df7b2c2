using System.Reflection;

namespace OrleansRocketMQ.SiloHost.Support;

/// <summary>A line of the table of instruments in <c>docs/observability.md</c>, by the names Prometheus has for it.</summary>
/// <param name="Name">The metric's name.</param>
/// <param name="Kind">The metric's type.</param>
/// <param name="Labels">The names of its labels, in order.</param>
internal sealed record DocumentedMetric(string Name, string Kind, IReadOnlyList<string> Labels)
{
    /// <summary>The names its samples have.</summary>
    public IReadOnlyList<string> Series => Kind == "histogram" ? [$"{Name}_bucket", $"{Name}_sum", $"{Name}_count"] : [Name];

    public static IReadOnlyList<DocumentedMetric> Read()
    {
        var rows = File.ReadAllLines(PathOf("observability.md"))
            .SkipWhile(line => line != "| instrument | kind | unit | attributes | meaning |").Skip(2)
            .TakeWhile(line => line.StartsWith('|'))
            .Select(line => line.Trim('|', ' ').Split(" | "));
        DocumentedMetric[] metrics = [.. rows.Select(cells => new DocumentedMetric(
            NameOf(cells[0].Trim('`'), cells[1], cells[2].Trim('`')),
            cells[1],
            [.. cells[3].Split(' ').Select(label => Escape(label.Trim('`'))).Order(StringComparer.Ordinal)]))];
        Assert.NotEmpty(metrics);
        return metrics;
    }

    public static string PathOf(params string[] path)
    {
        var repository = typeof(DocumentedMetric).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(metadata => metadata.Key == "repository").Value!;
        return Path.Combine([repository, "docs", .. path]);
    }

    // The document's own words: underscores, the unit at the end, _total for counters.
    private static string NameOf(string instrument, string kind, string unit)
    {
        var name = Escape(instrument);
        var suffix = (kind, unit) switch
        {
            ("counter", _) => "_total",
            (_, "s") => "_seconds",
            (_, "By") => "_bytes",
            _ => string.Empty,
        };
        return name.EndsWith(suffix, StringComparison.Ordinal) ? name : name + suffix;
    }

    private static string Escape(string name) => name.Replace('.', '_');
}
