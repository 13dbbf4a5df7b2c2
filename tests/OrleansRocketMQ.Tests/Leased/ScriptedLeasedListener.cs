using System.Collections.Concurrent;
using Orleans;
using Orleans.Concurrency;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Testing;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Leased;

/// <summary>What a test wants a group's leased listener to do.</summary>
internal delegate ValueTask<ConsumeResult> LeasedScript(LeasedBatch messages, ConsumeContext context, CancellationToken cancellationToken);

/// <summary>A leased listener that does what the test of its group says.</summary>
[StatelessWorker]
internal sealed class ScriptedLeasedListener : Grain, ILeasedListener
{
    private static readonly ConcurrentDictionary<string, LeasedScript> Scripts = new();

    public static async Task<TestCluster> ConsumeAsync(
        TestRocketMQ rocketmq,
        LeasedScript script,
        Action<ConsumerOptions>? configure = null,
        TimeSpan? shutdown = null,
        Action<ConsumerBuilder>? consumer = null)
    {
        Scripts[rocketmq.MyGroup] = script;
        var cluster = await TestCluster.StartAsync(rocketmq.Embedded.NameServerAddress, builder =>
        {
            DeclaredListeners.HideIn(builder.Configure(options => options.ShutdownTimeout = shutdown ?? options.ShutdownTimeout).Services);
            builder.AddConsumer<ScriptedLeasedListener>(rocketmq.MyGroup, declared =>
            {
                declared.Subscribe(TestRocketMQ.Topic).Configure(options =>
                {
                    options.ConsumeFromWhere = ConsumeFromWhere.FirstOffset;
                    options.PersistInterval = TimeSpan.FromMilliseconds(20);
                    configure?.Invoke(options);
                });
                consumer?.Invoke(declared);
            });
        });
        await cluster.UntilReadyAsync(rocketmq.MyGroup);
        return cluster;
    }

    public ValueTask<ConsumeResult> ConsumeAsync(LeasedBatch messages, ConsumeContext context, CancellationToken cancellationToken)
        => Scripts[context.Group](messages, context, cancellationToken);
}

/// <summary>One that may be on another silo than its messages, which must be refused.</summary>
internal sealed class RoamingLeasedListener : Grain, ILeasedListener
{
    public ValueTask<ConsumeResult> ConsumeAsync(LeasedBatch messages, ConsumeContext context, CancellationToken cancellationToken)
        => throw new NotSupportedException();
}
