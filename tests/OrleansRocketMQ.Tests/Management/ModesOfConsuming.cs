using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Tests.Infrastructure;
using OrleansRocketMQ.Tests.Orderly;

namespace OrleansRocketMQ.Tests.Management;

/// <summary>The ways a group can share its messages out to listeners.</summary>
public enum Mode
{
    Concurrent,
    Orderly,
    KeyOrdered,
}

/// <summary>One test for all modes: what the listener does is the same.</summary>
internal static class ModesOfConsuming
{
    /// <summary>Silos whose listener, of that mode, does what is given and then records what it got.</summary>
    public static Task<TestCluster> ConsumeAsync(
        this TestRocketMQ rocketmq, Mode mode, Func<MessageBatch, Task> listener, short silos = 1, Action<ConsumerOptions>? configure = null)
        => rocketmq.ConsumeAsync(mode, (messages, _) => listener(messages), silos, configure, setUp: null);

    /// <inheritdoc cref="ConsumeAsync(TestRocketMQ, Mode, Func{MessageBatch, Task}, short, Action{ConsumerOptions}?)"/>
    public static async Task<TestCluster> ConsumeAsync(
        this TestRocketMQ rocketmq, Mode mode, Func<MessageBatch, CancellationToken, Task> listener, short silos, Action<ConsumerOptions>? configure, Action<RocketMQOptions>? setUp)
    {
        var recorder = rocketmq.Recorder;
        return mode switch
        {
            Mode.Concurrent => await rocketmq.ConsumeAsync(
                async (messages, context, cancellationToken) =>
                {
                    await listener(messages, cancellationToken);
                    recorder.Record(messages, context);
                    return ConsumeResult.Success;
                },
                configure,
                silos,
                setUp),
            Mode.Orderly => await rocketmq.ConsumeInOrderAsync(
                async (messages, context, cancellationToken) =>
                {
                    await listener(messages, cancellationToken);
                    recorder.Record(messages, new ConsumeContext(context.Group, context.Queue));
                    return ConsumeOrderlyResult.Success;
                },
                configure,
                silos,
                setUp: setUp),
            _ => await ScriptedKeyedListener.ConsumeAsync(
                rocketmq.Embedded.NameServerAddress,
                rocketmq.MyGroup,
                TestRocketMQ.Topic,
                async (_, messages, context, cancellationToken) =>
                {
                    await listener(messages, cancellationToken);
                    recorder.Record(messages, context);
                    return ConsumeResult.Success;
                },
                consumer => consumer.Configure(options =>
                {
                    options.PersistInterval = TimeSpan.FromMilliseconds(20);
                    configure?.Invoke(options);
                }),
                silos,
                builder => DeclaredListeners.HideIn(builder.Configure(setUp ?? (_ => { })).Services)),
        };
    }

    public static IConsumerGroupManagementGrain Management(this TestRocketMQ rocketmq, TestCluster cluster)
        => cluster.Silos.Client.GetGrain<IConsumerGroupManagementGrain>(rocketmq.MyGroup);

    public static MessageQueue Queue(this TestRocketMQ rocketmq, int id) => new(TestRocketMQ.Topic, rocketmq.Broker.Name, id);

    /// <summary>Looks for a while that something does not change.</summary>
    public static async Task StaysAsync(Func<bool> condition)
    {
        var start = TimeProvider.System.GetTimestamp();
        while (TimeProvider.System.GetElapsedTime(start) < TimeSpan.FromMilliseconds(400))
        {
            Assert.True(condition());
            await Task.Delay(10);
        }
    }
}
