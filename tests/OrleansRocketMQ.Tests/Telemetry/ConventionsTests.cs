using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Globalization;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Telemetry;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Telemetry;

/// <summary>
/// What is told of real sends, pulls and calls has the names, units, types and values that OpenTelemetry has published
/// (<c>conventions.tsv</c>), or a name of our own.
/// </summary>
public sealed class ConventionsTests
{
    private const string Ours = "orleans_rocketmq.";

    private static readonly IReadOnlyList<Convention> Published = [.. Convention.Read()];

    [Fact]
    public async Task Every_name_is_published_or_our_own()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        using var traces = new ActivityProbe();
        await using var cluster = await rocketmq.ConsumeAsync(
            rocketmq.Recorder.Then((messages, _) => messages[0].Tags == "bad" && messages[0].ReconsumeTimes == 0
                ? throw new InvalidDataException("bad")
                : ConsumeResult.Success));
        using var metrics = MetricsProbe.On(cluster, withProducers: true);

        var sent = await SendAllAsync(rocketmq.Producer);
        await Assert.ThrowsAsync<RocketMQValidationException>(() => rocketmq.Producer.SendAsync(new Message("no topic", "x"u8.ToArray())));
        await rocketmq.UntilCommittedAsync(sent.Count);
        // Each message once, and the one that failed once more.
        var processed = await traces.ProcessedAsync(rocketmq.MyGroup, sent.Count + 1);
        await metrics.UntilAsync(RocketMQMetrics.Consumed, sent.Count, (MessagingAttributes.ErrorType, null));

        Assert.All(metrics.Instruments, CheckInstrument);
        Assert.All(metrics.Instruments.SelectMany(instrument => metrics.Of(instrument.Name)).SelectMany(measured => measured.Tags), CheckTag);
        Activity[] activities = [.. processed, .. sent.Select(result => traces.Sent(result.MessageId))];
        Assert.All(activities.SelectMany(activity => activity.TagObjects), CheckTag);

        // All that the list has is told, so that it does not grow old unnoticed.
        var told = activities.SelectMany(activity => activity.TagObjects.Select(tag => tag.Key))
            .Concat(metrics.Instruments.SelectMany(instrument => metrics.Of(instrument.Name)).SelectMany(measured => measured.Tags.Keys))
            .Concat(metrics.Instruments.Select(instrument => instrument.Name))
            .ToHashSet();
        Assert.Empty(Published.Select(convention => convention.Name).Except(told).Except([MessagingAttributes.BatchCount]));
    }

    [Fact]
    public async Task A_message_has_the_type_it_was_sent_as()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        using var traces = new ActivityProbe();
        await using var cluster = await rocketmq.ConsumeAsync();

        var sent = await SendAllAsync(rocketmq.Producer);
        var processed = await traces.ProcessedAsync(rocketmq.MyGroup, sent.Count);

        Assert.Equal(
            ["normal", "fifo", "delay", "delay", "transaction"],
            sent.Select(result => traces.Sent(result.MessageId).GetTagItem(MessagingAttributes.MessageType)));
        Assert.Equal(
            ["normal", "fifo", "transaction"],
            new[] { 0, 1, 4 }.Select(index => processed.Single(call => Equals(call.GetTagItem(MessagingAttributes.MessageId), sent[index].MessageId))
                .GetTagItem(MessagingAttributes.MessageType)));
        var delayed = traces.Sent(sent[2].MessageId);
        Assert.Equal(1, delayed.GetTagItem(MessagingAttributes.DelayLevel));
        Assert.Null(delayed.GetTagItem(MessagingAttributes.DeliveryTimestamp));
        Assert.Null(traces.Sent(sent[3].MessageId).GetTagItem(MessagingAttributes.DelayLevel));
        Assert.InRange((long)traces.Sent(sent[3].MessageId).GetTagItem(MessagingAttributes.DeliveryTimestamp)!, 1, DateTimeOffset.UtcNow.ToUnixTimeMilliseconds());
    }

    [Fact]
    public async Task Sends_and_pulls_tell_their_time_and_broker()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await rocketmq.ConsumeAsync();
        using var metrics = MetricsProbe.On(cluster, withProducers: true);
        var server = rocketmq.Broker.Address.Split(':');

        await rocketmq.Producer.SendAsync([new Message(TestRocketMQ.Topic, "1"u8.ToArray()), new Message(TestRocketMQ.Topic, "2"u8.ToArray())]);
        await rocketmq.UntilCommittedAsync(2);

        (string, object?) port = (MessagingAttributes.ServerPort, int.Parse(server[1], CultureInfo.InvariantCulture));
        (string, object?) address = (MessagingAttributes.ServerAddress, server[0]);
        Assert.Equal(2, metrics.Sum(SendMetrics.SentMessages, address, port, (MessagingAttributes.Destination, TestRocketMQ.Topic)));
        var times = metrics.Of(OperationDuration.Name).Where(measured => Equals(measured.Tags.GetValueOrDefault(port.Item1), port.Item2)).ToList();
        Assert.Contains(times, time => Equals(time.Tags[MessagingAttributes.OperationName], "send") && Equals(time.Tags[MessagingAttributes.OperationType], "send"));
        Assert.Contains(times, time => Equals(time.Tags[MessagingAttributes.OperationName], "pull")
            && Equals(time.Tags[MessagingAttributes.OperationType], "receive")
            && Equals(time.Tags[MessagingAttributes.ConsumerGroup], rocketmq.MyGroup));
        Assert.All(times, time => Assert.InRange(time.Value, 0, 60));
    }

    /// <summary>One that is done, one that comes again at a level, one that comes again at a time, and one that is dead.</summary>
    [Fact]
    public async Task What_becomes_of_messages_tells_the_time_it_took_to_settle_it()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await rocketmq.ConsumeAsync(rocketmq.Recorder.Then((messages, context) =>
        {
            var (body, again) = (TestRocketMQ.Text(messages[0]), messages[0].ReconsumeTimes > 0);
            if (body == "2")
            {
                context.Reject(messages[0], "no");
            }
            else if (body == "3" && !again)
            {
                context.RetryAfter(messages[0], TimeSpan.FromMilliseconds(100));
            }

            return body == "1" && !again ? ConsumeResult.ReconsumeLater : ConsumeResult.Success;
        }));
        using var metrics = MetricsProbe.On(cluster);

        await rocketmq.SendAsync(4);
        await rocketmq.UntilCommittedAsync(4);
        await Eventually.TrueAsync(
            () => Settled("ack").Count > 0 && Settled("nack").Count == 2 && Settled("reject").Count == 1, "all is settled and told");

        var port = int.Parse(rocketmq.Broker.Address.Split(':')[1], CultureInfo.InvariantCulture);
        Assert.All(new[] { "ack", "nack", "reject" }.SelectMany(Settled), settled =>
        {
            Assert.Equal("settle", settled.Tags[MessagingAttributes.OperationType]);
            Assert.Equal(rocketmq.MyGroup, settled.Tags[MessagingAttributes.ConsumerGroup]);
            Assert.Equal(port, settled.Tags[MessagingAttributes.ServerPort]);
            Assert.DoesNotContain(MessagingAttributes.ErrorType, settled.Tags.Keys);
            Assert.InRange(settled.Value, 0, 60);
        });
        Assert.All(Settled("nack").SelectMany(settled => settled.Tags), CheckTag);

        List<Measured> Settled(string name) =>
            [.. metrics.Of(OperationDuration.Name).Where(measured => Equals(measured.Tags[MessagingAttributes.OperationName], name))];
    }

    [Fact]
    public async Task Settling_that_fails_tells_why()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await rocketmq.ConsumeAsync();
        using var metrics = MetricsProbe.On(cluster);
        using var fault = rocketmq.Faults.Inject(Fault.Answer(ResponseCodes.SystemBusy) with { RequestCode = RequestCodes.UpdateConsumerOffset });

        await rocketmq.SendAsync(1);
        await Eventually.TrueAsync(
            () => metrics.Of(OperationDuration.Name).Any(measured => Equals(measured.Tags[MessagingAttributes.OperationName], "ack")
                && Equals(measured.Tags.GetValueOrDefault(MessagingAttributes.ErrorType), typeof(BrokerResponseException).FullName)),
            "a commit that failed is told");
    }

    [Fact]
    public async Task A_silo_says_how_its_group_consumes_and_in_which_namespace()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        using var traces = new ActivityProbe();
        await using var cluster = await rocketmq.ConsumeAsync();

        await rocketmq.SendAsync(1);

        var call = Assert.Single(await traces.ProcessedAsync(rocketmq.MyGroup, 1));
        Assert.Equal("clustering", call.GetTagItem(MessagingAttributes.ConsumptionModel));
        Assert.Equal(string.Empty, call.GetTagItem(MessagingAttributes.Namespace));
        Assert.Equal(rocketmq.Broker.Address, $"{call.GetTagItem(MessagingAttributes.ServerAddress)}:{call.GetTagItem(MessagingAttributes.ServerPort)}");
        Assert.Equal(((OrleansRocketMQ.Consumers.ConsumerLifecycle)cluster.Consumer(rocketmq.MyGroup)).Client!.ClientId, call.GetTagItem(MessagingAttributes.ClientId));
    }

    /// <summary>One message of each type: plain, of a key, by level, by time, of a transaction.</summary>
    private static async Task<IReadOnlyList<SendResult>> SendAllAsync(Producer producer)
    {
        var half = await producer.SendHalfAsync(new Message(TestRocketMQ.Topic, "5"u8.ToArray()));
        await producer.EndTransactionAsync(half, commit: true);
        return
        [
            await producer.SendAsync(new Message(TestRocketMQ.Topic, "1"u8.ToArray(), "bad", "key")),
            await producer.SendAsync(new Message(TestRocketMQ.Topic, "2"u8.ToArray()) { ShardingKey = "alice" }, new HashSelector()),
            await producer.SendAsync(new Message(TestRocketMQ.Topic, "3"u8.ToArray()) { DelayLevel = 1 }),
            await producer.SendAsync(new Message(TestRocketMQ.Topic, "4"u8.ToArray()) { ["TIMER_DELIVER_MS"] = "1000" }),
            half,
        ];
    }

    private static void CheckInstrument(Instrument instrument)
    {
        if (instrument.Name.StartsWith(Ours, StringComparison.Ordinal))
        {
            return;
        }

        var kind = instrument is Counter<long> ? "counter" : "histogram";
        var convention = Assert.Single(Published, convention => convention.Kind == kind && convention.Name == instrument.Name);
        Assert.Equal(convention.Type, instrument.Unit);
        Assert.Equal(
            convention.Values,
            (instrument as Histogram<double>)?.Advice?.HistogramBucketBoundaries?.Select(bound => bound.ToString(CultureInfo.InvariantCulture)) ?? []);
    }

    private static void CheckTag(KeyValuePair<string, object?> tag)
    {
        if (tag.Key.StartsWith(Ours, StringComparison.Ordinal))
        {
            return;
        }

        var convention = Assert.Single(Published, convention => convention.Kind == "attribute" && convention.Name == tag.Key);
        Assert.Equal(convention.Type, tag.Value switch
        {
            int or long => "int",
            string[] => "string[]",
            _ => "string",
        });
        Assert.True(convention.Values.Count == 0 || convention.Values.Contains(tag.Value as string), $"{tag.Key} is {tag.Value}");
    }

    /// <summary>A line of the list.</summary>
    private sealed record Convention(string Kind, string Name, string Type, IReadOnlyList<string> Values)
    {
        public static IEnumerable<Convention> Read() => File.ReadLines(Path.Combine(AppContext.BaseDirectory, "Telemetry", "conventions.tsv"))
            .Where(line => !line.StartsWith('#'))
            .Select(line => line.Split('\t'))
            .Select(columns => new Convention(columns[0], columns[1], columns[2], columns[3].Split(' ', StringSplitOptions.RemoveEmptyEntries)));
    }
}
