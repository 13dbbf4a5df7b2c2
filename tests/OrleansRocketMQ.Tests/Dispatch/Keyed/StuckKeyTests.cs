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
        await using var cluster = await ScriptedKeyedListener.ConsumeAsync(
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
            }),
            setUp: builder => DeclaredListeners.HideIn(builder.Services));
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
}
