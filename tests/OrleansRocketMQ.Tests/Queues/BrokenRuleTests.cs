using Microsoft.Extensions.DependencyInjection;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Engine;
using OrleansRocketMQ.Engine.Window;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Queues;

/// <summary>A fault of the engine stops the queue it happens in, with an error that names it, and no other.</summary>
public sealed class BrokenRuleTests
{
    [Fact]
    public async Task A_lease_that_ends_twice_stops_its_queue_with_that_error_and_the_others_go_on()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 2);
        await using var cluster = await rocketmq.ConsumeAsync();
        await rocketmq.SendAsync(10);
        await rocketmq.UntilCommittedAsync(10);
        var pumps = cluster.Silos.GetSiloServiceProvider(cluster.Silos.Silos[0].SiloAddress).GetRequiredService<ConsumerRegistry>().Find(rocketmq.MyGroup)!.Pumps;
        var window = pumps.Values.Single(pump => pump.Queue is { Topic: TestRocketMQ.Topic, QueueId: 0 }).Runs.Window;

        Assert.Throws<InvariantBrokenException>(() => new ProcessQueueRange(window, 0, new MessageExt[1]).Complete());
        await rocketmq.SendAsync(20, first: 10);

        // Queue 0 has had its five; a pull that was under way may have brought one more, which no listener gets.
        await rocketmq.UntilAllCameAsync(20);
        await Eventually.TrueAsync(() => rocketmq.Broker.CommittedOffset(rocketmq.MyGroup, TestRocketMQ.Topic, 1) == 15, "the other queue goes on");
        Assert.Equal(20, rocketmq.Recorder.Count);
        Assert.Equal(5, rocketmq.Broker.CommittedOffset(rocketmq.MyGroup, TestRocketMQ.Topic, 0));
        var status = cluster.StatusOf(rocketmq.MyGroup)[0].Queues.Single(queue => queue.Queue is { Topic: TestRocketMQ.Topic, QueueId: 0 });
        Assert.Contains("a lease of a message ends once", status.LastError, StringComparison.Ordinal);
        Assert.True(status.IsPaused);
    }
}
