using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Statistics;
using OrleansRocketMQ.Statistics;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Statistics;

/// <summary>Counts are kept by queue; topics, groups and silos are sums of them.</summary>
public sealed class ConsumeStatisticsTests
{
    private static readonly MessageQueue First = new("t", "broker-a", 0);
    private static readonly MessageQueue Second = new("t", "broker-a", 1);
    private static readonly MessageQueue Other = new("u", "broker-a", 0);
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void Successes_failures_and_times_of_a_queue_are_told()
    {
        var queue = new QueueStatistics(_time);
        queue.Count(Messages(10), failures: 2, TimeSpan.FromMilliseconds(50));
        queue.CountPublished(PublishOutcome.Taken, asDead: false);
        queue.CountPublished(PublishOutcome.Taken, asDead: false);
        queue.CountTimedOut(1);

        var figures = queue.Totals().ToFigures();

        Assert.Equal((8, 2, 2, 1), (figures.Consumed, figures.Failed, figures.SentBack, figures.TimedOut));
        Assert.Equal(0.8, figures.SuccessRate);
        Assert.Equal(TimeSpan.FromMilliseconds(5), figures.AverageListenerTime);

        // The messages say they were made in 1970.
        Assert.Equal(_time.GetUtcNow() - DateTimeOffset.UnixEpoch, figures.MaxLatency);
        Assert.Equal(figures.MaxLatency, figures.AverageLatency);
        Assert.Equal(figures.MaxLatency, figures.P99Latency);
        Assert.Equal(1, ConsumeFigures.None.SuccessRate);
    }

    [Fact]
    public void Much_backlog_of_great_age_makes_no_average_wrong()
    {
        var queue = new QueueStatistics(_time);
        var messages = Messages(1000);
        for (var run = 0; run < 20; run++)
        {
            queue.Count(messages, failures: 0);
        }

        var figures = ConsumeTotals.Sum([queue.Totals(), queue.Totals()]).ToFigures();

        Assert.Equal(_time.GetUtcNow() - DateTimeOffset.UnixEpoch, figures.MaxLatency);
        Assert.Equal(figures.MaxLatency, figures.AverageLatency);
    }

    [Fact]
    public void The_rate_is_that_of_the_last_ten_full_seconds()
    {
        var queue = new QueueStatistics(_time);
        for (var second = 0; second < 30; second++)
        {
            queue.Count(Messages(second < 20 ? 1000 : 50), 0);
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Equal(50, queue.Totals().MessagesPerSecond);
        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(25, queue.Totals().MessagesPerSecond);
        _time.Advance(TimeSpan.FromSeconds(60));
        Assert.Equal(0, queue.Totals().MessagesPerSecond);
    }

    [Fact]
    public void The_rate_of_the_first_seconds_is_not_diluted()
    {
        var queue = new QueueStatistics(_time);
        queue.Count(Messages(100), 0);
        _time.Advance(TimeSpan.FromSeconds(1));
        queue.Count(Messages(300), 0);
        _time.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal(200, queue.Totals().MessagesPerSecond);
    }

    [Fact]
    public void A_topic_is_the_sum_of_its_queues_those_included_that_have_left()
    {
        var group = new GroupStatistics(_time);
        group.Open(First).Count(Messages(10), 1);
        group.Open(Second).Count(Messages(20), 0);
        group.Open(Other).Count(Messages(5), 5);
        _time.Advance(TimeSpan.FromSeconds(1));

        group.Close(First);
        group.Open(First).Count(Messages(3), 0);
        group.Close(First);
        group.Close(First);
        var topics = group.ByTopic();

        Assert.Equal((32, 1), (topics["t"].Consumed, topics["t"].Failed));
        Assert.Equal(20, topics["t"].MessagesPerSecond);
        Assert.Equal((0, 5), (topics["u"].Consumed, topics["u"].Failed));
        var all = ConsumeTotals.Sum(topics.Values).ToFigures();
        Assert.Equal((32, 6), (all.Consumed, all.Failed));
        Assert.Equal(38, ConsumeTotals.Sum(topics.Values).LatencyCounts!.Sum());
        Assert.Equal(TimeSpan.FromSeconds(1), group.Uptime);
    }

    [Fact]
    public void Counts_of_many_threads_are_all_there()
    {
        var queue = new QueueStatistics(TimeProvider.System);
        var messages = Messages(7);

        Parallel.For(0, 10_000, _ => queue.Count(messages, 1, TimeSpan.FromTicks(3)));

        var totals = queue.Totals();
        Assert.Equal((60_000, 10_000, 30_000), (totals.Consumed, totals.Failed, totals.ListenerTicks));
        Assert.Equal(70_000, totals.LatencyCounts!.Sum());
    }

    [Fact]
    public async Task A_silo_and_the_cluster_tell_the_figures_of_consumer_topic_and_queue()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 4);
        await using var cluster = await rocketmq.ConsumeAsync(
            rocketmq.Recorder.Then((messages, _) => messages[0] is { Keys: "bad", ReconsumeTimes: 0 } ? ConsumeResult.ReconsumeLater : ConsumeResult.Success), silos: 2);
        await rocketmq.SendAsync(36);
        await rocketmq.SendAsync(4, first: 36, message => message.Keys = "bad");
        await rocketmq.Recorder.UntilAsync(44);

        var management = cluster.Silos.Client.GetGrain<IConsumerGroupManagementGrain>(rocketmq.MyGroup);
        ConsumerGroupStatus? status = null;
        await Eventually.TrueAsync(async () => (status = await management.GetStatusAsync()) is { Figures: { Consumed: 40, Failed: 4, SentBack: 4 }, Silos.Count: 2 }, () => $"40 and 4: {status}");

        Assert.Equal((36, 4), (status!.Topics[TestRocketMQ.Topic].Consumed, status.Topics[TestRocketMQ.Topic].Failed));
        Assert.Equal(4, status.Topics[rocketmq.RetryTopic].Consumed);
        Assert.Equal(36, status.Queues.Where(queue => queue.Queue.Topic == TestRocketMQ.Topic).Sum(queue => queue.Figures.Consumed));
        Assert.All(status.Queues.Where(queue => queue.Queue.Topic == TestRocketMQ.Topic), queue => Assert.Equal(9, queue.Figures.Consumed));
        Assert.Equal(40.0 / 44, status.Figures.SuccessRate, precision: 6);
        Assert.InRange(status.Figures.P99Latency, TimeSpan.FromMilliseconds(1), status.Figures.MaxLatency);
        Assert.InRange(status.Figures.AverageLatency, TimeSpan.FromTicks(1), status.Figures.MaxLatency);
        Assert.Equal(status.Queues.Count, status.Silos.Sum(silo => silo.AssignedQueues));
        Assert.All(status.Silos, silo => Assert.True(silo.Rebalances >= 1 && silo.Uptime > TimeSpan.Zero, $"{silo}"));
        Assert.Equal(40, cluster.StatusOf(rocketmq.MyGroup).Sum(silo => silo.Consumed));
        Assert.Equal(44, cluster.StatusOf(rocketmq.MyGroup).Sum(silo => silo.LatencyCounts.Sum()));
    }

    private static MessageExt[] Messages(int count) => [.. Enumerable.Range(0, count).Select(offset => TestMessages.At(offset))];
}
