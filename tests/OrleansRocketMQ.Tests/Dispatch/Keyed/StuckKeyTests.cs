using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Dispatch.Keyed;

/// <summary>A listener that holds its grain's thread holds up its key, and no other.</summary>
public sealed class StuckKeyTests
{
    [Fact]
    public async Task As_many_keys_as_there_are_slots_may_be_stuck_and_the_others_go_on()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        using var free = new ManualResetEventSlim();
        await using var cluster = await ConsumeAsync(rocketmq, free);
        await rocketmq.SendAsync(1, prepare: message => message.ShardingKey = "stuck a");
        await rocketmq.SendAsync(1, first: 1, prepare: message => message.ShardingKey = "stuck b");
        await Eventually.TrueAsync(() => cluster.StatusOf(rocketmq.MyGroup)[0].Queues.Any(queue => queue.InFlight == 2), "both slots are stuck");

        try
        {
            await rocketmq.SendAsync(20, first: 2, prepare: message => message.ShardingKey = $"key {message.Body.Span[^1]}");

            await rocketmq.Recorder.UntilAsync(20);
            Assert.DoesNotContain("0", rocketmq.Recorder.Bodies);
            Assert.DoesNotContain("1", rocketmq.Recorder.Bodies);
            Assert.True(cluster.StatusOf(rocketmq.MyGroup)[0].Figures.TimedOut >= 2);
        }
        finally
        {
            free.Set();
        }

        // Tried again, or filed as dead when that took too long: nothing is left behind.
        await rocketmq.UntilCommittedAsync(22);
    }

    [Fact]
    public async Task What_is_stuck_blocks_its_keys_and_is_not_committed()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        using var free = new ManualResetEventSlim();
        await using var cluster = await ConsumeAsync(
            rocketmq, free, options => (options.KeyRetryBackoff, options.MaxKeyRetryBackoff) = (TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(1)));
        try
        {
            await rocketmq.SendAsync(2, prepare: message => message.ShardingKey = $"stuck {Guid.NewGuid()}");
            await Eventually.TrueAsync(() => cluster.StatusOf(rocketmq.MyGroup)[0].Queues.Any(queue => queue.InFlight == 2), "both slots are taken");
            await rocketmq.SendAsync(10, first: 2, message => message.ShardingKey = "free");
            await rocketmq.Recorder.UntilAsync(10);

            // The first slot that is free again is enough for the others; the second one's time may end a moment later.
            await Eventually.TrueAsync(() => Stuck(cluster, rocketmq) == (2, 2), () => $"both keys are blocked; {Stuck(cluster, rocketmq)}");
            Assert.Equal(0, rocketmq.Committed());
        }
        finally
        {
            // Else its silo could not stop.
            free.Set();
        }
    }

    private static (int Blocked, long TimedOut) Stuck(TestCluster cluster, TestRocketMQ rocketmq)
    {
        var status = cluster.StatusOf(rocketmq.MyGroup)[0].Queues.Single(queue => queue.Queue.Topic == TestRocketMQ.Topic);
        return (status.Keys!.BlockedKeys, status.Figures.TimedOut);
    }

    /// <summary>Two slots, and a listener that holds its thread for keys that begin with "stuck", until it is set free.</summary>
    private static Task<TestCluster> ConsumeAsync(TestRocketMQ rocketmq, ManualResetEventSlim free, Action<ConsumerOptions>? configure = null)
        => ScriptedKeyedListener.ConsumeAsync(
            rocketmq.Embedded.NameServerAddress,
            rocketmq.MyGroup,
            TestRocketMQ.Topic,
            (key, messages, context, _) =>
            {
                if (key.StartsWith("stuck", StringComparison.Ordinal))
                {
                    free.Wait(CancellationToken.None);
                }

                rocketmq.Recorder.Record(messages, context);
                return new(ConsumeResult.Success);
            },
            consumer => consumer.Configure(options =>
            {
                (options.ConsumeThreadMin, options.ConsumeThreadMax) = (2, 2);
                options.ConsumeTimeout = TimeSpan.FromMilliseconds(200);
                configure?.Invoke(options);
            }),
            setUp: builder => DeclaredListeners.HideIn(builder.Services));
}
