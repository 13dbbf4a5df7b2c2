using OrleansRocketMQ.Testing;

namespace OrleansRocketMQ.Conformance;

[Collection(RocketMQCollection.Name)]
public sealed class HeartbeatV2Tests(RocketMQCluster rocketmq)
{
    [Fact]
    public async Task Members_whose_heartbeats_leave_the_subscriptions_out_stay_subscribed()
    {
        var group = RocketMQCluster.NewName("group");
        var topic = await rocketmq.CreateTopicAsync(queues: 2);
        var recorder = new Recorder();
        await using var cluster = await TestCluster.BeginAsync(
            rocketmq.NameServer,
            group,
            topic,
            recorder.Succeed(),
            silos: 2,
            setUp: rocketmq => rocketmq.Configure(options => (options.UseHeartbeatV2, options.HeartbeatInterval) = (true, TimeSpan.FromMilliseconds(20))));
        await cluster.UntilReadyAsync(group);

        // Many heartbeats go by while messages still come, filtered by what the broker knows of the subscription.
        for (var number = 1; number <= 100; number++)
        {
            await rocketmq.SendAsync(topic, [$"{number}"]);
            await recorder.UntilAsync(number);
        }

        Assert.Equal(2, (await rocketmq.MembersAsync(group, topic)).Distinct().Count());
    }
}
