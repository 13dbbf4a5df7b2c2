using System.Collections.Concurrent;
using Orleans;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Hosting;

namespace OrleansRocketMQ.Testing;

/// <summary>What a test wants a group's key-ordered listener to do; gets the key of the grain first.</summary>
internal delegate ValueTask<ConsumeResult> KeyedScript(string key, MessageBatch messages, ConsumeContext context, CancellationToken cancellationToken);

/// <summary>A real grain for each key, on any silo, that does what the test of its group says.</summary>
internal sealed class ScriptedKeyedListener : Grain, IKeyOrderedListener
{
    private static readonly ConcurrentDictionary<string, KeyedScript> Scripts = new();

    /// <summary>What the listener of a group does.</summary>
    public static void Script(string group, KeyedScript script) => Scripts[group] = script;

    /// <summary>Silos with one group whose key-ordered listener does what the script says; ready when this returns.</summary>
    public static async Task<TestCluster> ConsumeAsync(
        string nameServer, string group, string topic, KeyedScript script, Action<ConsumerBuilder>? configure = null, short silos = 1, Action<RocketMQBuilder>? setUp = null)
    {
        var cluster = await BeginAsync(nameServer, group, topic, script, configure, silos, setUp);
        await cluster.UntilReadyAsync(group);
        return cluster;
    }

    /// <summary>As <see cref="ConsumeAsync"/>, but returns before the group is ready: it may never be.</summary>
    public static Task<TestCluster> BeginAsync(
        string nameServer, string group, string topic, KeyedScript script, Action<ConsumerBuilder>? configure = null, short silos = 1, Action<RocketMQBuilder>? setUp = null)
    {
        Script(group, script);
        return TestCluster.StartAsync(
            nameServer,
            rocketmq =>
            {
                setUp?.Invoke(rocketmq);
                rocketmq.AddConsumer<ScriptedKeyedListener>(group, consumer =>
                {
                    consumer.Subscribe(topic).Configure(options =>
                    {
                        options.ConsumeFromWhere = ConsumeFromWhere.FirstOffset;
                        options.KeyRetryBackoff = TimeSpan.FromMilliseconds(20);
                        options.MaxKeyRetryBackoff = TimeSpan.FromMilliseconds(200);
                    });
                    configure?.Invoke(consumer);
                });
            },
            silos);
    }

    public ValueTask<ConsumeResult> ConsumeAsync(MessageBatch messages, ConsumeContext context, CancellationToken cancellationToken)
        => Scripts[context.Group](this.GetPrimaryKeyString(), messages, context, cancellationToken);
}
