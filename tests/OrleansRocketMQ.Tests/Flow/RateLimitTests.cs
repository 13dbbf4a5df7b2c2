using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Flow;

/// <summary>A topic's rate holds over all silos of the cluster together, from the moment it is set to the moment it is lifted.</summary>
public sealed class RateLimitTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_topic_gets_no_more_messages_a_second_than_it_may_on_all_silos_together(short silos)
    {
        const int PerSecond = 50;
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 4);
        await using var cluster = await rocketmq.ConsumeAsync(silos: silos);
        await Eventually.TrueAsync(
            () => cluster.StatusOf(rocketmq.MyGroup).All(silo => silo.Queues.Count(queue => queue.Queue.Topic == TestRocketMQ.Topic) == 4 / silos), "the queues are shared out");
        var management = cluster.Silos.Client.GetGrain<IConsumerGroupManagementGrain>(rocketmq.MyGroup);

        var start = TimeProvider.System.GetTimestamp();
        var flow = await management.LimitRateAsync(TestRocketMQ.Topic, PerSecond);
        Assert.Equal(PerSecond, flow.RateLimits[TestRocketMQ.Topic]);
        await rocketmq.SendAsync(300);
        await rocketmq.Recorder.UntilAsync(100);

        // No more than the rate since the limit was asked for, however long the messages were on their way.
        var elapsed = TimeProvider.System.GetElapsedTime(start).TotalSeconds;
        Assert.InRange(rocketmq.Recorder.Count, 100, (int)(PerSecond * elapsed) + silos);
        Assert.True(elapsed > 1.5, $"100 messages came in {elapsed} s");

        var lifted = rocketmq.Recorder.Count;
        await management.LimitRateAsync(TestRocketMQ.Topic, null);
        start = TimeProvider.System.GetTimestamp();
        await rocketmq.UntilCommittedAsync(300);
        Assert.True(TimeProvider.System.GetElapsedTime(start).TotalSeconds < (300 - lifted) / PerSecond, "without a limit it is fast again");
        Assert.Equal(300, rocketmq.Recorder.Count);
    }

    [Fact]
    public async Task A_limit_of_one_topic_slows_no_other()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await rocketmq.ConsumeAsync(rocketmq.Recorder.Then(
            (messages, _) => messages[0].ReconsumeTimes == 0 ? ConsumeResult.ReconsumeLater : ConsumeResult.Success));
        var management = cluster.Silos.Client.GetGrain<IConsumerGroupManagementGrain>(rocketmq.MyGroup);
        await management.LimitRateAsync(rocketmq.RetryTopic, 0.01);

        await rocketmq.SendAsync(20);
        await rocketmq.UntilCommittedAsync(20);
        await Eventually.TrueAsync(() => rocketmq.Broker.Messages(rocketmq.RetryTopic).Count == 20, "all are sent back");
        Assert.Equal(20, rocketmq.Recorder.Count);

        await management.LimitRateAsync(rocketmq.RetryTopic, 1000);
        await rocketmq.Recorder.UntilAsync(40);
    }
}
