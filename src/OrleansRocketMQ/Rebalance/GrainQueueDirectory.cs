using Orleans;
using Orleans.Runtime;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Rebalance;
using OrleansRocketMQ.Queues;

namespace OrleansRocketMQ.Rebalance;

/// <summary>The queues of one group as grains: the silo whose grain is active has the queue, and a grain migrates with it.</summary>
internal sealed class GrainQueueDirectory(ConsumerGroupRuntime consumer, IGrainFactory grains, SiloAddress silo) : IQueueDirectory
{
    public string Here { get; } = silo.ToParsableString();

    public async Task<string?> StartAsync(MessageQueue queue)
    {
        var grain = grains.GetGrain<IMessageQueueGrain>(consumer.GrainKeyOf(queue));
        var owner = await grain.EnsureStartedAsync(silo).ConfigureAwait(false);
        return owner?.ToParsableString();
    }

    public Task ReleaseAsync(IGroupQueue pump, TimeSpan budget) => consumer.ReleaseQueueAsync(pump, budget);
}
