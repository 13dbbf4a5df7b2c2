using Microsoft.Extensions.DependencyInjection;
using Orleans.Storage;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Storage;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Orderly;

/// <summary>A <see cref="TestRocketMQ"/> whose group consumes in order.</summary>
internal static class OrderlyRocketMQ
{
    /// <summary>Silos whose orderly listener does what the script says; ready when this returns.</summary>
    public static async Task<TestCluster> ConsumeInOrderAsync(
        this TestRocketMQ rocketmq,
        OrderlyScript script,
        Action<ConsumerOptions>? configure = null,
        short silos = 1,
        IGrainStorage? storage = null,
        Action<RocketMQOptions>? setUp = null)
    {
        var cluster = await OrderlyCluster.BeginAsync(
            rocketmq.Embedded.NameServerAddress,
            rocketmq.MyGroup,
            TestRocketMQ.Topic,
            script,
            options =>
            {
                options.PersistInterval = TimeSpan.FromMilliseconds(20);
                options.RetryInterval = TimeSpan.FromMilliseconds(100);
                // Tests count what is written of failures.
                options.CheckpointInterval = TimeSpan.Zero;
                configure?.Invoke(options);
            },
            silos,
            builder =>
            {
                builder.Configure(setUp ?? (_ => { }));
                DeclaredListeners.HideIn(builder.Services);
                if (storage is not null)
                {
                    builder.Services.AddKeyedSingleton(StateStorage.ProviderName, storage);
                }
            });
        await cluster.UntilReadyAsync(rocketmq.MyGroup);
        return cluster;
    }

    /// <summary>Queues of the topic as the silos that run them see them.</summary>
    public static IReadOnlyList<QueueStatus> QueuesOf(this TestRocketMQ rocketmq, TestCluster cluster)
        => [.. cluster.StatusOf(rocketmq.MyGroup).SelectMany(status => status.Queues).Where(queue => queue.Queue.Topic == TestRocketMQ.Topic).OrderBy(queue => queue.Queue)];
}
