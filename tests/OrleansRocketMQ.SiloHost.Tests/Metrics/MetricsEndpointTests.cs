using System.Text.Json;
using System.Text.RegularExpressions;
using OrleansRocketMQ.SiloHost.Support;

namespace OrleansRocketMQ.SiloHost.Metrics;

/// <summary>What the running host tells at <c>/metrics</c>.</summary>
public sealed partial class MetricsEndpointTests
{
    private static readonly string[] Words = ["by", "le", "and", "or", "on", "ignoring", "without", "unless"];

    // Told when a broker refuses or takes something away, which the brokers of these tests do not, or by typed listeners.
    private static readonly string[] OfOtherTests =
    [
        "orleans_rocketmq_consumer_commit_failures_total", "orleans_rocketmq_consumer_lock_losses_total", "orleans_rocketmq_consumer_parked_messages_total",
        "orleans_rocketmq_consumer_unreadable_messages_total",
        // By groups whose messages are popped.
        "orleans_rocketmq_consumer_pop_late_total", "orleans_rocketmq_queue_unacknowledged",
        // By hosts that have a producer, as the one of the demo.
        "messaging_client_sent_messages_total",
    ];

    // A send has no consumer group, and one that failed perhaps no broker.
    private static readonly string[] Optional = ["error_type", "messaging_consumer_group_name"];

    [Fact]
    public async Task The_host_tells_what_it_consumes_by_the_names_of_the_document()
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
        Assert.True(told.Sum("messaging_client_sent_messages_total", topic) >= 100);
        Assert.True(told.Sum("messaging_client_operation_duration_seconds_count", topic, ("messaging_operation_name", "send")) >= 1);
        Assert.True(told.Sum("messaging_client_operation_duration_seconds_count", topic, ("messaging_operation_name", "pull")) >= 1);
        Assert.Contains(told.Types.Keys, name => name.StartsWith("dotnet_gc_", StringComparison.Ordinal));
        Assert.Contains(told.Types.Keys, name => name.StartsWith("orleans_catalog_", StringComparison.Ordinal));

        // Nothing but what the document names, each series with the document's labels and no other.
        var documented = DocumentedMetric.Read();
        Assert.All(told.Samples.Where(sample => IsOurs(sample.Name)), sample => Assert.Equal(
            Assert.Single(documented, metric => metric.Series.Contains(sample.Name)).Labels.Except(Optional),
            sample.Labels.Keys.Except([.. Optional, "le"]).Order(StringComparer.Ordinal)));
    }

    [Fact]
    public async Task Every_documented_metric_is_told_once_it_has_a_value()
    {
        await using var records = await Records.StartAsync();
        await records.SendAsync(0, 20);
        await records.SendAsync("fail");
        await records.SendAsync("give up");
        var (first, _) = records.Start("--Orleans:ClusterId=metrics");
        await using var firstHost = first;
        using var firstHttp = new HttpClient { BaseAddress = new Uri(first.Url) };
        var one = await UntilToldAsync(first, firstHttp, "orleans_rocketmq_consumer_dead_letters_total", "orleans_rocketmq_consumer_retries_total");

        // A queue that moves.
        var (second, _) = records.Start("--Orleans:ClusterId=metrics", $"--Orleans:PrimarySilo=127.0.0.1:{first.SiloPort}");
        await using var secondHost = second;
        using var secondHttp = new HttpClient { BaseAddress = new Uri(second.Url) };
        var other = await UntilToldAsync(second, secondHttp, "orleans_rocketmq_queue_hand_over_pause_seconds_count");

        foreach (var metric in DocumentedMetric.Read().Where(metric => !OfOtherTests.Contains(metric.Name)))
        {
            var tellers = new[] { one, other }.Where(told => told.Types.ContainsKey(metric.Name)).ToArray();
            Assert.True(tellers.Length > 0, $"{metric.Name} is told by nobody");
            Assert.All(tellers, told => Assert.Equal(metric.Kind, told.Types[metric.Name]));
            Assert.All(metric.Series, name => Assert.Contains(tellers, told => told.Samples.Any(sample => sample.Name == name)));
        }
    }

    [Fact]
    public void The_dashboard_asks_for_every_documented_metric_and_no_other()
    {
        var asked = Expressions().SelectMany(MetricsOf).ToHashSet();

        var documented = DocumentedMetric.Read();
        Assert.NotEmpty(asked);
        Assert.All(asked, name => Assert.Contains(documented, metric => metric.Series.Contains(name)));
        Assert.All(documented, metric => Assert.Contains(metric.Series, asked.Contains));
    }

    [Fact]
    public void Every_label_the_dashboard_uses_is_one_that_is_told()
    {
        string[] known = ["messaging_consumer_group_name", "messaging_destination_name", "messaging_destination_partition_id", "messaging_operation_name", "server_address", "error_type", "instance", "le"];

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

    private static async Task<PrometheusParser> UntilToldAsync(SiloHostProgram host, HttpClient http, params string[] names)
    {
        PrometheusParser? told = null;
        await Eventually.TrueAsync(
            async () => (told = await ReadAsync(http) ?? told) is { } now && names.All(name => now.Sum(name) > 0),
            () => $"{string.Join(", ", names)} are told. The host printed:{Environment.NewLine}{host.Program.Everything}");
        return told!;
    }

    private static bool IsOurs(string name) => name.StartsWith("orleans_rocketmq_", StringComparison.Ordinal) || name.StartsWith("messaging_", StringComparison.Ordinal);

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
        using var dashboard = JsonDocument.Parse(File.ReadAllText(DocumentedMetric.PathOf("grafana", "orleans-rocketmq.json")));
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
