using Microsoft.Extensions.Options;
using Orleans;
using Orleans.Runtime;
using OrleansRocketMQ.Allocation;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Queues;

namespace OrleansRocketMQ.Management;

/// <summary>
/// Brings queues where an operator wants them: has his wish checked and kept, and waits until it has come true. The moves
/// themselves are the work of the rebalance services.
/// </summary>
internal sealed class GroupPlacement(IGrainFactory grains, GroupSilos silos, IOptions<RocketMQOptions> options, TimeProvider time)
{
    private static readonly TimeSpan MoveTimeout = TimeSpan.FromSeconds(30);

    // Most moves are done in moments; one that waits for a listener may take minutes, and is asked after with few calls.
    private static readonly TimeSpan LookAgainAfter = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LookAgainAtMost = TimeSpan.FromSeconds(1);

    /// <summary>Listeners have their time to finish; then the queues have to get there.</summary>
    private TimeSpan Patience => options.Value.ShutdownTimeout + MoveTimeout;

    public async Task MoveAsync(ConsumerGroupRuntime consumer, MessageQueue queue, string silo)
    {
        CheckShares(consumer, "move a queue");
        var view = consumer.View;
        var owner = view.OwnerOf(queue)
            ?? throw new RocketMQValidationException("Queue", queue, "one of the topics the group consumes, with an owner");
        if (view.SiloOf(queue) is null)
        {
            throw new RebalanceException(
                $"{queue} belongs to '{owner}', a member of group '{consumer.Group}' in another program; "
                    + "only queues of this cluster's silos can be moved.");
        }

        var drained = (await SettingsOf(consumer).GetAsync().ConfigureAwait(false)).Placement.Drained;
        if (!Members(consumer).Contains(silo) || drained.Contains(silo))
        {
            var others = string.Join(", ", Members(consumer).Except(drained));
            throw new RocketMQValidationException(
                "Silo", silo, $"one that runs group '{consumer.Group}' and is not drained: {others}");
        }

        await SettingsOf(consumer).PinAsync(queue, silo).ConfigureAwait(false);
        var grain = grains.GetGrain<IMessageQueueGrain>(consumer.GrainKeyOf(queue));
        if (!await UntilAsync(async () => await grain.GetStatusAsync().ConfigureAwait(false) is { HasBegun: true } status
            && status.Silo == silo).ConfigureAwait(false))
        {
            throw new RebalanceException(
                $"{queue} of group '{consumer.Group}' has not arrived on silo {silo} within {Patience.TotalSeconds:F0} s; "
                    + "it stays wanted there and may come later.");
        }
    }

    public Task ReleaseAsync(ConsumerGroupRuntime consumer, MessageQueue queue) => SettingsOf(consumer).PinAsync(queue, silo: null);

    /// <returns>The queues that are still there.</returns>
    public async Task<IReadOnlyList<MessageQueue>> DrainAsync(ConsumerGroupRuntime consumer, string silo)
    {
        CheckShares(consumer, "drain a silo");
        CheckMember(consumer, silo);
        await SettingsOf(consumer).DrainAsync(silo, Members(consumer)).ConfigureAwait(false);
        IReadOnlyList<MessageQueue> left = [];
        await UntilAsync(async () =>
        {
            left = await QueuesOnAsync(consumer, silo).ConfigureAwait(false);
            return left.Count == 0;
        }).ConfigureAwait(false);
        return left;
    }

    public Task RestoreAsync(ConsumerGroupRuntime consumer, string silo)
    {
        CheckMember(consumer, silo);
        return SettingsOf(consumer).RestoreAsync(silo);
    }

    private static string[] Members(ConsumerGroupRuntime consumer)
        => [.. consumer.View.Silos().Select(silo => silo.ToParsableString()).Order(StringComparer.Ordinal)];

    private static void CheckMember(ConsumerGroupRuntime consumer, string silo)
    {
        if (!Members(consumer).Contains(silo))
        {
            throw new RocketMQValidationException(
                "Silo", silo, $"one that runs group '{consumer.Group}': {string.Join(", ", Members(consumer))}");
        }
    }

    private static void CheckShares(ConsumerGroupRuntime consumer, string operation)
    {
        if (consumer.IsBroadcasting)
        {
            throw new ConsumerStateException(consumer.Group, "broadcasting, so that every silo has every queue", operation);
        }
    }

    /// <summary>Asks that silo and no other.</summary>
    private async Task<IReadOnlyList<MessageQueue>> QueuesOnAsync(ConsumerGroupRuntime consumer, string silo)
    {
        try
        {
            var there = silos.On(SiloAddress.FromParsableString(silo), consumer.Group);
            return [.. (await there.GetQueuesAsync().ConfigureAwait(false)).Order()];
        }
        catch (SiloHasNoConsumersException)
        {
            // It is gone, and its queues with it.
            return [];
        }
    }

    private IGroupSettingsGrain SettingsOf(ConsumerGroupRuntime consumer) => grains.GetGrain<IGroupSettingsGrain>(consumer.Group);

    private async Task<bool> UntilAsync(Func<Task<bool>> condition)
    {
        var start = time.GetTimestamp();
        for (var wait = LookAgainAfter; ; wait = wait + wait < LookAgainAtMost ? wait + wait : LookAgainAtMost)
        {
            try
            {
                if (await condition().ConfigureAwait(false))
                {
                    return true;
                }
            }
            catch (Exception exception) when (exception is RebalanceException or OrleansException or TimeoutException)
            {
                // What moves cannot be asked for moments.
            }

            if (time.GetElapsedTime(start) > Patience)
            {
                return false;
            }

            await Task.Delay(wait, time).ConfigureAwait(false);
        }
    }
}
