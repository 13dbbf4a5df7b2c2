using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Hosting;

namespace OrleansRocketMQ.Testing;

/// <summary>Silos with one orderly group.</summary>
internal static class OrderlyCluster
{
    /// <summary>Silos whose listener does what the script says; ready when this returns.</summary>
    public static async Task<TestCluster> ConsumeAsync(
        string nameServer, string group, string topic, OrderlyScript script, Action<ConsumerOptions>? configure = null, short silos = 1, Action<RocketMQBuilder>? setUp = null)
    {
        var cluster = await BeginAsync(nameServer, group, topic, script, configure, silos, setUp);
        await cluster.UntilReadyAsync(group);
        return cluster;
    }

    /// <summary>As <see cref="ConsumeAsync"/>, but returns before the group is ready: it may never be.</summary>
    public static Task<TestCluster> BeginAsync(
        string nameServer, string group, string topic, OrderlyScript script, Action<ConsumerOptions>? configure = null, short silos = 1, Action<RocketMQBuilder>? setUp = null)
    {
        ScriptedOrderlyListener.Script(group, script);
        return TestCluster.StartAsync(
            nameServer,
            rocketmq =>
            {
                setUp?.Invoke(rocketmq);
                rocketmq.AddConsumer<ScriptedOrderlyListener>(group, consumer => consumer.Subscribe(topic).Configure(options =>
                {
                    options.ConsumeFromWhere = ConsumeFromWhere.FirstOffset;
                    options.SuspendCurrentQueueTime = TimeSpan.FromMilliseconds(50);
                    options.PersistInterval = TimeSpan.FromMilliseconds(50);
                    configure?.Invoke(options);
                }));
            },
            silos);
    }
}
