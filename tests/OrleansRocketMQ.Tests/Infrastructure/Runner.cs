using Microsoft.Extensions.DependencyInjection;
using Orleans;
using Orleans.Metadata;
using Orleans.Runtime;
using OrleansRocketMQ.Dispatch;

namespace OrleansRocketMQ.Tests.Infrastructure;

/// <summary>The runner of a listener grain in a real silo, called without a queue.</summary>
internal sealed class Runner(TestRocketMQ rocketmq, TestCluster cluster, IListenerRunner runner) : IAsyncDisposable
{
    private static readonly MessageQueue Queue = new("T", "broker-a", 0);

    public static async Task<Runner> StartAsync(ListenerScript script)
    {
        var rocketmq = await TestRocketMQ.StartAsync();
        var cluster = await rocketmq.ConsumeAsync(script);
        var services = cluster.Silos.GetSiloServiceProvider(cluster.Silos.Silos[0].SiloAddress);
        var type = services.GetRequiredService<GrainTypeResolver>().GetGrainType(typeof(ScriptedListener));
        var grain = services.GetRequiredService<IGrainFactory>().GetGrain(GrainId.Create(type, "test")).AsReference<IListenerRunner>();
        return new(rocketmq, cluster, grain);
    }

    public async Task<DispatchBatchResult> RunAsync(int count, int batchSize, TimeSpan limit, TimeSpan? consumeTimeout = null)
    {
        var messages = Enumerable.Range(0, count).Select(offset => TestMessages.At(offset)).ToArray();
        return await runner.RunAsync(new DispatchBatch(rocketmq.MyGroup, Queue, batchSize, limit, messages, consumeTimeout ?? TimeSpan.FromMinutes(15)), CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        await cluster.DisposeAsync();
        await rocketmq.DisposeAsync();
    }
}
