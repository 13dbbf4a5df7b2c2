using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Failures;

/// <summary>Long work that asks for its time anew.</summary>
public sealed class RenewTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(2);

    // Longer than the silo of the queue waits for a listener that says nothing, too.
    private static readonly TimeSpan Work = TimeSpan.FromSeconds(7);

    [Fact]
    public async Task A_call_that_renews_its_time_takes_as_long_as_it_needs_and_one_that_stops_doing_so_is_ended()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.SendAsync(2);
        await using var cluster = await rocketmq.ConsumeAsync(
            async (messages, context, cancellationToken) =>
            {
                rocketmq.Recorder.Record(messages, context);
                if (messages[0].ReconsumeTimes > 0)
                {
                    return ConsumeResult.Success;
                }

                await WorkAsync(context.Renew, cancellationToken);
                if (messages[0].QueueOffset == 1)
                {
                    await Task.Delay(Timeout.Infinite, cancellationToken);
                }

                return ConsumeResult.Success;
            },
            options => (options.ConsumeTimeout, options.ConsumeThreadMin, options.ConsumeThreadMax) = (Limit, 2, 2));

        await rocketmq.UntilCommittedAsync(2);
        await rocketmq.Recorder.UntilAsync(3);

        Assert.Equal(["0", "1", "1"], rocketmq.Recorder.Bodies.Order());
        Assert.Equal(1, cluster.StatusOf(rocketmq.MyGroup)[0].Figures.TimedOut);
    }

    [Fact]
    public async Task Listeners_on_the_queues_silo_and_on_another_renew_their_time()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        var silos = new System.Collections.Concurrent.ConcurrentBag<bool>();
        await using var cluster = await ScriptedKeyedListener.ConsumeAsync(
            rocketmq.Embedded.NameServerAddress,
            rocketmq.MyGroup,
            TestRocketMQ.Topic,
            async (_, messages, context, cancellationToken) =>
            {
                rocketmq.Recorder.Record(messages, context);
                await WorkAsync(context.Renew, cancellationToken);
                return ConsumeResult.Success;
            },
            consumer => consumer.Configure(options => (options.ConsumeTimeout, options.PersistInterval) = (Limit, TimeSpan.FromMilliseconds(20))),
            silos: 2,
            setUp: builder => DeclaredListeners.HideIn(builder.Services));

        // So many keys that each silo has some.
        foreach (var key in Enumerable.Range(0, 12))
        {
            await rocketmq.SendAsync(1, first: key, prepare: message => message.ShardingKey = $"key-{key}");
        }

        await rocketmq.UntilCommittedAsync(12);

        Assert.Equal(12, rocketmq.Recorder.Count);
        Assert.Equal(0, cluster.StatusOf(rocketmq.MyGroup).Sum(status => status.Figures.TimedOut));
    }

    private static async Task WorkAsync(Action renew, CancellationToken cancellationToken)
    {
        var began = TimeProvider.System.GetTimestamp();
        while (TimeProvider.System.GetElapsedTime(began) < Work)
        {
            await Task.Delay(50, cancellationToken);
            renew();
        }
    }
}
