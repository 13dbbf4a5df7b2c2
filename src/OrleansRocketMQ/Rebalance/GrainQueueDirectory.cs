using Orleans;
using Orleans.Runtime;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Engine.Contracts;
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
        if (!await MayStartAsync(queue))
        {
            return null;
        }

        var grain = grains.GetGrain<IMessageQueueGrain>(consumer.GrainKeyOf(queue));
        var owner = await grain.EnsureStartedAsync(silo).ConfigureAwait(false);
        return owner?.ToParsableString();
    }

    /// <summary>
    /// A queue is pulled by one silo or popped by several, not both at once: a further share begins when the queue itself is
    /// popped, and a queue is pulled when no share is left.
    /// </summary>
    private async Task<bool> MayStartAsync(MessageQueue queue)
    {
        if (QueueShare.IsFurther(queue))
        {
            return await IsPoppedAsync(QueueShare.QueueOf(queue));
        }

        if (consumer.Modes.Pops(queue) is true)
        {
            return true;
        }

        var popped = await Task.WhenAll(consumer.FurtherSharesOf(queue).Select(IsPoppedAsync));
        return !popped.Contains(true);
    }

    private async Task<bool> IsPoppedAsync(MessageQueue queue)
    {
        try
        {
            return await grains.GetGrain<IMessageQueueGrain>(consumer.GrainKeyOf(queue)).GetStatusAsync() is { Popped: not null };
        }
        catch (Exception exception) when (exception is RebalanceException or OrleansException)
        {
            // It has no place, or is between two.
            return false;
        }
    }

    public Task ReleaseAsync(IGroupQueue pump, TimeSpan budget) => consumer.ReleaseQueueAsync(pump, budget);
}
