using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.Telemetry;
using OrleansRocketMQ.Testing;

namespace OrleansRocketMQ.Conformance;

/// <summary>The trace a message was sent in goes with it through the broker, however it comes.</summary>
[Collection(RocketMQCollection.Name)]
public sealed class TraceContextTests(RocketMQCluster rocketmq) : IDisposable
{
    private readonly string _group = RocketMQCluster.NewName("group");
    private readonly ConcurrentQueue<(string Body, int Attempt, ActivityTraceId? Trace)> _consumed = new();
    private readonly ActivityListener _sampling = Sample();

    public void Dispose() => _sampling.Dispose();

    [Fact]
    public async Task Listeners_work_in_the_trace_of_the_sender_also_when_a_message_comes_again()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        await using var cluster = await TestCluster.ConsumeAsync(rocketmq.NameServer, _group, topic, (messages, context, _) =>
        {
            _consumed.Enqueue((System.Text.Encoding.UTF8.GetString(messages[0].Body.Span), messages[0].ReconsumeTimes, Activity.Current?.TraceId));
            context.DelayLevelWhenNextConsume = 1;
            return ValueTask.FromResult(messages[0].Tags == "again" && messages[0].ReconsumeTimes == 0 ? ConsumeResult.ReconsumeLater : ConsumeResult.Success);
        });

        ActivityTraceId sender;
        using (var around = new Activity("around").Start())
        {
            sender = around.TraceId;
            await rocketmq.SendAsync(topic, ["alone"]);
            await rocketmq.SendAsync(topic, ["failing"], message => message.Tags = "again");
            await rocketmq.Producer.SendAsync([new Message(topic, "together 1"u8.ToArray()), new Message(topic, "together 2"u8.ToArray())]);
        }

        await using var silent = new Producer(
            rocketmq.Client, new ProducerOptions { Group = RocketMQCluster.NewName("silent"), PropagateTraceContext = false }, NullLoggerFactory.Instance);
        await silent.SendAsync(new Message(topic, "without"u8.ToArray()));
        await Eventually.TrueAsync(() => _consumed.Count >= 6, () => $"six deliveries; there are {_consumed.Count}");

        Assert.Equal(
            [("alone", 0), ("failing", 0), ("failing", 1), ("together 1", 0), ("together 2", 0)],
            _consumed.Where(one => one.Trace == sender).Select(one => (one.Body, one.Attempt)).Order());
        var other = Assert.Single(_consumed, one => one.Trace != sender);
        Assert.Equal("without", other.Body);
        Assert.NotNull(other.Trace);
    }

    private static ActivityListener Sample()
    {
        var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == RocketMQTelemetry.ActivitySourceName,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
        };
        ActivitySource.AddActivityListener(listener);
        return listener;
    }
}
