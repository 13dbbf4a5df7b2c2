using System.Reflection;
using System.Text.Json;
using System.Text.RegularExpressions;
using OrleansRocketMQ.SiloHost.Support;

namespace OrleansRocketMQ.SiloHost.Metrics;

/// <summary>What the running host tells at <c>/metrics</c>.</summary>
public sealed partial class MetricsEndpointTests
{
    private static readonly string[] Words = ["by", "le", "and", "or", "on", "ignoring", "without", "unless"];

    [Fact]
    public async Task The_host_tells_what_it_consumes_and_all_that_the_dashboard_asks_for()
    {
        await using var host = SiloHostProgram.Start("--Demo:Rate=200");
        using var http = new HttpClient { BaseAddress = new Uri(host.Url) };
        var told = PrometheusParser.Parse("# TYPE nothing_yet gauge\n");

        await Eventually.TrueAsync(
            async () => await ReadAsync(http) is { } now && (told = now).Sum("messaging_client_consumed_messages_total") >= 100,
            () => $"the host consumes, and tells so. It printed:{Environment.NewLine}{host.Program.Everything}");

        (string, string) topic = ("messaging_destination_name", "OrleansRocketMQ_Demo");
        Assert.Equal(told.Sum("messaging_client_consumed_messages_total"), told.Sum("messaging_client_consumed_messages_total", topic, ("messaging_consumer_group_name", "OrleansRocketMQ_Demo"), ("messaging_system", "rocketmq")));
        Assert.Equal(8, told.Samples.Count(sample => sample.Name == "orleans_rocketmq_queue_lag" && sample.Labels["messaging_destination_name"] == "OrleansRocketMQ_Demo"));
        Assert.True(told.Sum("messaging_process_duration_seconds_count", topic) >= 100);
        Assert.True(told.Sum("orleans_rocketmq_consumer_pull_duration_seconds_count", topic) >= 1);
        Assert.Contains(told.Types.Keys, name => name.StartsWith("dotnet_gc_", StringComparison.Ordinal));
        Assert.Contains(told.Types.Keys, name => name.StartsWith("orleans_catalog_", StringComparison.Ordinal));

        var exported = told.Types.SelectMany(type => type.Value == "histogram" ? [$"{type.Key}_bucket", $"{type.Key}_sum", $"{type.Key}_count"] : new[] { type.Key }).ToHashSet();
        var asked = Expressions().SelectMany(MetricsOf).Distinct().ToArray();
        Assert.True(asked.Length >= 12);
        Assert.All(asked, name => Assert.Contains(name, exported));
        // And the other way round: nothing of ours is on no panel.
        Assert.All(
            told.Types.Keys.Where(name => name.StartsWith("orleans_rocketmq_", StringComparison.Ordinal) || name.StartsWith("messaging_", StringComparison.Ordinal)),
            name => Assert.Contains(asked, used => used == name || used == $"{name}_bucket"));
    }

    [Fact]
    public void Every_label_the_dashboard_uses_is_one_that_is_told()
    {
        string[] known = ["messaging_consumer_group_name", "messaging_destination_name", "messaging_destination_partition_id", "error_type", "instance", "le"];

        var used = Expressions().SelectMany(expression => Matchers().Matches(expression).Select(match => match.Groups["label"].Value)
            .Concat(Grouping().Matches(expression).SelectMany(match => match.Groups["labels"].Value.Split(", "))))
            .ToHashSet();

        Assert.NotEmpty(used);
        Assert.Subset(known.ToHashSet(), used);
    }

    [Theory]
    [InlineData("sum by (a, b) (rate(x_total{a=~\"$g\",b!=\"sum(y)\"}[5m])) / histogram_quantile(0.99, z_bucket) > 1e3", "x_total,z_bucket")]
    [InlineData("topk(20, up)", "up")]
    public void Metrics_of_an_expression_are_found(string expression, string names) => Assert.Equal(names.Split(','), MetricsOf(expression));

    private static async Task<PrometheusParser?> ReadAsync(HttpClient http)
    {
        try
        {
            using var response = await http.GetAsync(new Uri("/metrics", UriKind.Relative));
            Assert.Equal("text/plain; version=0.0.4; charset=utf-8", response.Content.Headers.ContentType?.ToString());
            return PrometheusParser.Parse(await response.Content.ReadAsStringAsync());
        }
        catch (HttpRequestException)
        {
            return null; // Not up yet.
        }
    }

    private static IEnumerable<string> Expressions()
    {
        var repository = typeof(MetricsEndpointTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(metadata => metadata.Key == "repository").Value!;
        using var dashboard = JsonDocument.Parse(File.ReadAllText(Path.Combine(repository, "docs", "grafana", "orleans-rocketmq.json")));
        return [.. dashboard.RootElement.GetProperty("panels").EnumerateArray().SelectMany(panel => panel.GetProperty("targets").EnumerateArray()).Select(target => target.GetProperty("expr").GetString()!)];
    }

    /// <summary>The names in a PromQL expression that are neither functions nor labels.</summary>
    private static IEnumerable<string> MetricsOf(string expression)
    {
        var bare = Braces().Replace(Strings().Replace(expression, "\"\""), string.Empty);
        bare = Grouping().Replace(Brackets().Replace(bare, string.Empty), string.Empty);
        return Names().Matches(bare).Select(match => match.Value).Where(name => !Words.Contains(name)).Distinct();
    }

    [GeneratedRegex("""
        "[^"]*"
        """, RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex Strings();

    [GeneratedRegex(@"\{[^}]*\}")]
    private static partial Regex Braces();

    [GeneratedRegex(@"\[[^\]]*\]")]
    private static partial Regex Brackets();

    [GeneratedRegex(@"\bby \((?<labels>[^)]*)\)")]
    private static partial Regex Grouping();

    [GeneratedRegex("""[{,](?<label>[a-z_]+)(=~|!=|=)""")]
    private static partial Regex Matchers();

    // Neither part of a number nor called.
    [GeneratedRegex(@"(?<![0-9.\w])[a-zA-Z_:][a-zA-Z0-9_:]*\b(?!\s*\()")]
    private static partial Regex Names();
}
