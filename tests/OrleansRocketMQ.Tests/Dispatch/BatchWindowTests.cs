using OrleansRocketMQ.Tests.Filters;
using OrleansRocketMQ.Tests.Infrastructure;
using OrleansRocketMQ.Tests.Typed;

namespace OrleansRocketMQ.Tests.Dispatch;

/// <summary>Batches that gather, in real silos; their edges are the engine's tests.</summary>
public sealed class BatchWindowTests
{
    [Theory]
    [InlineData("concurrent raw")]
    [InlineData("orderly raw")]
    [InlineData("key-ordered grain")]
    public async Task A_call_gets_a_full_batch_however_slowly_messages_come_and_the_rest_after_its_time(string way)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        var script = TypedScript.Of(rocketmq.MyGroup);
        await using var cluster = await rocketmq.ConsumeFilteredAsync(
            way, consumer => (consumer.Options.ConsumeBatchSize, consumer.Options.BatchMaxWait) = (3, TimeSpan.FromSeconds(10)));

        foreach (var number in Enumerable.Range(1, 7))
        {
            await rocketmq.SendOrdersAsync(number);
        }

        await rocketmq.UntilCommittedAsync(7);
        Assert.Equal([1, 2, 3, 4, 5, 6, 7], way == "concurrent raw" ? script.Numbers.Order() : script.Numbers);
        Assert.Equal([3, 3, 3, 3, 3, 3, 1], script.Got.Select(got => got.BatchSize));
    }

    [Fact]
    public async Task What_gathers_on_a_silo_that_leaves_gathers_on_the_next_and_comes_once()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await rocketmq.ConsumeAsync(
            configure: options => (options.ConsumeBatchSize, options.BatchMaxWait) = (5, TimeSpan.FromMinutes(10)), silos: 2);
        await rocketmq.SendAsync(3);
        int Owner() => cluster.StatusOf(rocketmq.MyGroup).ToList().FindIndex(status => status.Queues.Any(queue => queue.Queue.Topic == TestRocketMQ.Topic && queue.NextPullOffset == 3));
        await Eventually.TrueAsync(() => Owner() >= 0, "three messages gather on a silo");

        await cluster.Consumer(rocketmq.MyGroup, Owner()).StopAsync();
        Assert.Equal(0, rocketmq.Recorder.Count);
        await rocketmq.SendAsync(2, first: 3);

        await rocketmq.UntilCommittedAsync(5);
        Assert.Equal(TestRocketMQ.Numbers(5), rocketmq.Recorder.Bodies.Order());
    }
}
