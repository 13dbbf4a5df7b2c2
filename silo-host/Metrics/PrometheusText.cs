using System.Globalization;
using System.Text;

namespace OrleansRocketMQ.SiloHost.Metrics;

/// <summary>
/// Prometheus' text format 0.0.4, and the names OpenTelemetry's metrics have there: dots become underscores, the unit is
/// spelled out at the end, counters end in <c>_total</c>.
/// </summary>
internal static class PrometheusText
{
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    private static readonly Dictionary<string, string> Units = new(StringComparer.Ordinal)
    {
        ["s"] = "seconds", ["ms"] = "milliseconds", ["us"] = "microseconds", ["ns"] = "nanoseconds", ["min"] = "minutes", ["h"] = "hours", ["d"] = "days",
        ["By"] = "bytes", ["KiBy"] = "kibibytes", ["MiBy"] = "mebibytes", ["GiBy"] = "gibibytes", ["Hz"] = "hertz", ["%"] = "percent",
    };

    /// <summary>The name of an instrument's metric.</summary>
    public static string NameOf(string instrument, string? unit, MetricKind kind)
    {
        var name = Sanitize(instrument, allowColon: true);
        // A unit in braces is a word for the reader.
        if (unit is { Length: > 0 } && unit[0] != '{' && unit != "1")
        {
            name = WithSuffix(name, Units.TryGetValue(unit, out var spelled) ? spelled : Sanitize(unit, allowColon: false).Trim('_'));
        }

        return kind == MetricKind.Counter ? WithSuffix(name, "total") : name;
    }

    /// <summary>Writes all families, each with its help and type, even when nothing was measured yet: so it can be seen what there is.</summary>
    public static string Write(IEnumerable<MetricFamily> families)
    {
        var text = new StringBuilder(16 * 1024);
        foreach (var family in families.OrderBy(family => family.Name, StringComparer.Ordinal))
        {
            if (family.Help.Length > 0)
            {
                text.Append("# HELP ").Append(family.Name).Append(' ').Append(EscapeHelp(family.Help)).Append('\n');
            }

            text.Append("# TYPE ").Append(family.Name).Append(' ').Append(family.Kind switch
            {
                MetricKind.Counter => "counter",
                MetricKind.Gauge => "gauge",
                _ => "histogram",
            }).Append('\n');
            foreach (var one in family.Snapshot().Select(one => (Labels: LabelsOf(one.Tags, family.Kind), Series: one)).GroupBy(one => one.Labels, StringComparer.Ordinal).OrderBy(same => same.Key, StringComparer.Ordinal))
            {
                Append(text, family, one.Key, [.. one.Select(same => same.Series)]);
            }
        }

        return text.ToString();
    }

    /// <summary>One line, or the lines of a histogram. Tags in another order, or that differ only in what is no letter, are one series here.</summary>
    private static void Append(StringBuilder text, MetricFamily family, string labels, SeriesSnapshot[] same)
    {
        var value = family.Kind == MetricKind.Gauge ? same[^1].Value : same.Sum(series => series.Value);
        if (family.Kind != MetricKind.Histogram)
        {
            Line(text, family.Name, labels, value);
            return;
        }

        var count = 0L;
        for (var bucket = 0; bucket <= family.Bounds.Count; bucket++)
        {
            count += same.Sum(series => series.Counts[bucket]);
            var bound = bucket < family.Bounds.Count ? Number(family.Bounds[bucket]) : "+Inf";
            Line(text, $"{family.Name}_bucket", labels.Length == 0 ? $"le=\"{bound}\"" : $"{labels},le=\"{bound}\"", count);
        }

        Line(text, $"{family.Name}_sum", labels, value);
        Line(text, $"{family.Name}_count", labels, count);
    }

    private static void Line(StringBuilder text, string name, string labels, double value)
    {
        text.Append(name);
        if (labels.Length > 0)
        {
            text.Append('{').Append(labels).Append('}');
        }

        text.Append(' ').Append(Number(value)).Append('\n');
    }

    private static string LabelsOf(IReadOnlyList<KeyValuePair<string, object?>> tags, MetricKind kind)
    {
        var labels = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var (key, value) in tags)
        {
            var name = Sanitize(key, allowColon: false);
            // Buckets have a label of that name.
            name = kind == MetricKind.Histogram && name == "le" ? "le_" : name;
            labels[name] = labels.TryGetValue(name, out var other) ? $"{other};{Text(value)}" : Text(value);
        }

        return string.Join(',', labels.Select(label => $"{label.Key}=\"{EscapeLabel(label.Value)}\""));
    }

    private static string Text(object? value) => value switch
    {
        bool yes => yes ? "true" : "false",
        IEnumerable<string> several => string.Join(',', several),
        _ => Convert.ToString(value, CultureInfo.InvariantCulture) ?? string.Empty,
    };

    private static string Number(double value) => value switch
    {
        double.PositiveInfinity => "+Inf",
        double.NegativeInfinity => "-Inf",
        _ => value.ToString("R", CultureInfo.InvariantCulture),
    };

    private static string WithSuffix(string name, string suffix)
        => suffix.Length == 0 || name.EndsWith($"_{suffix}", StringComparison.Ordinal) ? name : $"{name}_{suffix}";

    private static string Sanitize(string name, bool allowColon)
    {
        var text = new StringBuilder(name.Length + 1);
        foreach (var character in name)
        {
            text.Append(char.IsAsciiLetterOrDigit(character) || character == '_' || (allowColon && character == ':') ? character : '_');
        }

        return name.Length > 0 && char.IsAsciiDigit(name[0]) ? text.Insert(0, '_').ToString() : text.ToString();
    }

    private static string EscapeHelp(string help) => help.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);

    private static string EscapeLabel(string value) => EscapeHelp(value).Replace("\"", "\\\"", StringComparison.Ordinal);
}
