using System.Text.RegularExpressions;
using Microsoft.Extensions.DependencyInjection;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Telemetry;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Telemetry;

/// <summary><c>docs/observability.md</c> lists the instruments there are: names, kinds, units, attributes.</summary>
public sealed partial class ObservabilityDocumentTests
{
    [Fact]
    public async Task The_document_lists_every_instrument_as_it_is()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await rocketmq.ConsumeAsync(
            rocketmq.Recorder.Then((messages, _) => TestRocketMQ.Text(messages[0]) == "0" ? ConsumeResult.ReconsumeLater : ConsumeResult.Success),
            options => options.MaxReconsumeTimes = 1);
        using var probe = MetricsProbe.On(cluster, withProducers: true);
        var services = cluster.Silos.GetSiloServiceProvider(cluster.Silos.Silos[0].SiloAddress);

        await rocketmq.SendAsync(2);
        await Assert.ThrowsAsync<RocketMQValidationException>(() => rocketmq.Producer.SendAsync(new Message("no topic", "x"u8.ToArray())));
        await probe.UntilAsync(RocketMQMetrics.DeadLetters, 1);
        await probe.UntilAsync(RocketMQMetrics.Consumed, 1, (MessagingAttributes.ErrorType, null));
        // What takes more than one silo, or a broker that fails, is told here without.
        var queue = new QueueMetrics(services.GetRequiredService<RocketMQMetrics>(), rocketmq.MyGroup, new MessageQueue(TestRocketMQ.Topic, rocketmq.Broker.Name, 0));
        queue.LockLost();
        queue.CameLate(1);
        queue.Parked();
        queue.TakenOver(TimeSpan.FromSeconds(1));
        services.GetRequiredService<RocketMQMetrics>().Rebalanced(rocketmq.MyGroup);
        services.GetRequiredService<RocketMQMetrics>().Unreadable(rocketmq.MyGroup, TestRocketMQ.Topic, OrleansRocketMQ.Configuration.UnreadableHandling.Skip);

        var pulled = AttributesOf(probe);
        await rocketmq.Client.Brokers.SetMessageRequestModeAsync(rocketmq.Broker.Address, TestRocketMQ.Topic, rocketmq.MyGroup, MessageRequestMode.Pop);
        await Eventually.TrueAsync(() => probe.Of(RocketMQMetrics.Unacknowledged).Count > 0, "the queue is popped");
        var popped = AttributesOf(probe);

        var real = probe.Instruments.Select(instrument => new Row(
            instrument.Name,
            KindOf(instrument.GetType().Name),
            instrument.Unit ?? string.Empty,
            string.Join(' ', pulled[instrument.Name].Union(popped[instrument.Name]).Order(StringComparer.Ordinal)))).Distinct().OrderBy(row => row.Name, StringComparer.Ordinal);

        Assert.All(probe.Instruments, instrument => Assert.False(string.IsNullOrEmpty(instrument.Description)));
        Assert.Equal(Documented().OrderBy(row => row.Name, StringComparer.Ordinal), real);
    }

    // Of levels those that are told now: a queue that is pulled has others than one that is popped.
    private static Dictionary<string, HashSet<string>> AttributesOf(MetricsProbe probe) => probe.Instruments.Select(instrument => instrument.Name).Distinct()
        .ToDictionary(name => name, name => probe.Of(name).SelectMany(measured => measured.Tags.Keys).ToHashSet());

    private static string KindOf(string type) => type switch
    {
        _ when type.Contains("Counter", StringComparison.Ordinal) => "counter",
        _ when type.Contains("Histogram", StringComparison.Ordinal) => "histogram",
        _ => "gauge",
    };

    private static IEnumerable<Row> Documented()
    {
        var document = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "docs", "observability.md"));
        return TableRow().Matches(document).Select(match => new Row(
            match.Groups["name"].Value,
            match.Groups["kind"].Value,
            match.Groups["unit"].Value,
            string.Join(' ', match.Groups["attributes"].Value.Split(' ').Select(attribute => attribute.Trim('`')).Order(StringComparer.Ordinal))));
    }

    [GeneratedRegex(@"^\| `(?<name>[a-z_.]+)` \| (?<kind>counter|histogram|gauge) \| `(?<unit>[^`]+)` \| (?<attributes>[^|]+) \| [^|]+\.? \|$", RegexOptions.Multiline)]
    private static partial Regex TableRow();

    private sealed record Row(string Name, string Kind, string Unit, string Attributes);
}
