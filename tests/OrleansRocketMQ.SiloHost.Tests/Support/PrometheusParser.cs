using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace OrleansRocketMQ.SiloHost.Support;

/// <summary>
/// Reads Prometheus' text format 0.0.4 as strictly as its description says, written without a look at the writer: what it
/// does not understand is an error. Histograms must add up.
/// </summary>
internal sealed partial class PrometheusParser
{
    private readonly Dictionary<string, string> _types = [];
    private readonly Dictionary<string, string> _helps = [];
    private readonly List<Sample> _samples = [];

    public IReadOnlyDictionary<string, string> Types => _types;

    public IReadOnlyDictionary<string, string> Helps => _helps;

    public IReadOnlyList<Sample> Samples => _samples;

    public static PrometheusParser Parse(string text)
    {
        var parser = new PrometheusParser();
        Assert.EndsWith("\n", text, StringComparison.Ordinal);
        Assert.DoesNotContain('\r', text);
        string? family = null;
        foreach (var line in text.Split('\n')[..^1])
        {
            family = parser.Read(line, family);
        }

        Assert.Equal(parser._samples.Count, parser._samples.Select(sample => sample.ToString()).Distinct().Count());
        foreach (var (name, _) in parser._types.Where(type => type.Value == "histogram"))
        {
            parser.CheckHistogram(name);
        }

        return parser;
    }

    public double Sum(string name, params (string Label, string Value)[] labels)
        => _samples.Where(sample => sample.Name == name && labels.All(label => sample.Labels.GetValueOrDefault(label.Label) == label.Value)).Sum(sample => sample.Value);

    private string? Read(string line, string? family)
    {
        if (line.StartsWith("# HELP ", StringComparison.Ordinal))
        {
            var parts = line.Split(' ', 4);
            Assert.Matches(Name(), parts[2]);
            Assert.True(_helps.TryAdd(parts[2], Unescape(parts[3], quotes: false)), $"two helps: {line}");
            return family;
        }

        if (line.StartsWith("# TYPE ", StringComparison.Ordinal))
        {
            var parts = line.Split(' ');
            Assert.Equal(4, parts.Length);
            Assert.Matches(Name(), parts[2]);
            Assert.Contains(parts[3], new[] { "counter", "gauge", "histogram" });
            Assert.True(_types.TryAdd(parts[2], parts[3]), $"two types: {line}");
            return parts[2];
        }

        var match = SampleLine().Match(line);
        Assert.True(match.Success, $"no sample: {line}");
        var labels = new Dictionary<string, string>();
        foreach (Match label in Label().Matches(match.Groups["labels"].Value))
        {
            Assert.True(labels.TryAdd(label.Groups["name"].Value, Unescape(label.Groups["value"].Value, quotes: true)), $"a label twice: {line}");
        }

        var name = match.Groups["name"].Value;
        Assert.NotNull(family);
        Assert.True(name == family || (_types[family] == "histogram" && name.StartsWith(family, StringComparison.Ordinal) && name[family.Length..] is "_bucket" or "_sum" or "_count"), $"{name} stands under {family}");
        _samples.Add(new Sample(name, labels, match.Groups["value"].Value switch
        {
            "+Inf" => double.PositiveInfinity,
            "-Inf" => double.NegativeInfinity,
            var number => double.Parse(number, NumberStyles.Float, CultureInfo.InvariantCulture),
        }));
        return family;
    }

    private void CheckHistogram(string name)
    {
        foreach (var series in _samples.Where(sample => sample.Name == $"{name}_bucket").GroupBy(sample => sample.Without("le")))
        {
            var buckets = series.ToArray();
            Assert.Equal("+Inf", buckets[^1].Labels["le"]);
            var bounds = buckets[..^1].Select(bucket => double.Parse(bucket.Labels["le"], CultureInfo.InvariantCulture)).ToArray();
            Assert.Equal(bounds.Order(), bounds);
            Assert.Equal(buckets.Select(bucket => bucket.Value).Order(), buckets.Select(bucket => bucket.Value));
            Assert.Equal(buckets[^1].Value, Assert.Single(_samples, sample => sample.Name == $"{name}_count" && sample.Without("le") == series.Key).Value);
            Assert.Single(_samples, sample => sample.Name == $"{name}_sum" && sample.Without("le") == series.Key);
        }
    }

    private static string Unescape(string text, bool quotes)
    {
        var plain = new StringBuilder();
        for (var index = 0; index < text.Length; index++)
        {
            if (text[index] != '\\')
            {
                plain.Append(text[index]);
                continue;
            }

            plain.Append(text[++index] switch
            {
                '\\' => '\\',
                'n' => '\n',
                '"' when quotes => '"',
                var other => throw new FormatException($"\\{other} in {text}"),
            });
        }

        return plain.ToString();
    }

    [GeneratedRegex("^[a-zA-Z_:][a-zA-Z0-9_:]*$")]
    private static partial Regex Name();

    [GeneratedRegex("""^(?<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?<labels>[a-zA-Z_][a-zA-Z0-9_]*="([^"\\]|\\.)*"(,[a-zA-Z_][a-zA-Z0-9_]*="([^"\\]|\\.)*")*)?\})? (?<value>[+-]Inf|NaN|[-+]?[0-9.]+([eE][-+]?[0-9]+)?)$""")]
    private static partial Regex SampleLine();

    [GeneratedRegex("""(?<name>[a-zA-Z_][a-zA-Z0-9_]*)="(?<value>([^"\\]|\\.)*)"(,|$)""")]
    private static partial Regex Label();

    /// <summary>One line.</summary>
    internal sealed record Sample(string Name, IReadOnlyDictionary<string, string> Labels, double Value)
    {
        /// <summary>The labels but one, as text.</summary>
        public string Without(string name) => string.Join(',', Labels.Where(label => label.Key != name).OrderBy(label => label.Key, StringComparer.Ordinal).Select(label => $"{label.Key}={label.Value}"));

        public override string ToString() => $"{Name}|{Without(string.Empty)}";
    }
}
