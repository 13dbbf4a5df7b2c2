using Orleans;
using Orleans.Placement;
using Orleans.Runtime;
using Orleans.Runtime.Placement;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Queues;

namespace OrleansRocketMQ.Allocation;

/// <summary>Marks queue grains: they live where the group's allocation says.</summary>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.RocketMQQueuePlacement")]
internal sealed class RocketMQQueuePlacement : PlacementStrategy;

/// <inheritdoc cref="RocketMQQueuePlacement"/>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class RocketMQQueuePlacementAttribute() : PlacementAttribute(new RocketMQQueuePlacement());

/// <summary>
/// Looks the silo of a queue up in this silo's view of the allocation, or the silo of the name that the grain's key holds.
/// Makes no decision of its own.
/// </summary>
internal sealed class RocketMQQueuePlacementDirector(ConsumerRegistry consumers, IClusterMembershipService membership) : IPlacementDirector
{
    /// <exception cref="RebalanceException">The queue belongs to another program, or to nobody.</exception>
    public Task<SiloAddress> OnAddActivation(PlacementStrategy strategy, PlacementTarget target, IPlacementContext context)
    {
        if (target.RequestContextData is { } hints
            && IPlacementDirector.GetPlacementHint(hints, context.GetCompatibleSilos(target)) is { } hint)
        {
            return Task.FromResult(hint);
        }

        var (group, queue, instance) = QueueGrainKey.Parse(target.GrainIdentity.Key.ToString()!);
        if (instance is not null)
        {
            return Task.FromResult(SiloOf(instance, context.LocalSilo)
                ?? throw new RebalanceException(
                    $"No active silo is named '{instance}', so its part of {queue} of group '{group}' cannot be placed."));
        }

        var view = consumers.Find(group)?.View
            ?? throw new RebalanceException($"Silo {context.LocalSilo} does not run group '{group}', so it cannot place {queue}.");

        // Not checked against the silos Orleans knows to be compatible: it hears of a new silo's grain classes later than the
        // broker of its membership, and a member of the group has this class.
        return view.SiloOf(queue) is { } silo
            ? Task.FromResult(silo)
            : throw new RebalanceException(
                $"No silo of this cluster owns {queue} of group '{group}'; its owner is '{view.OwnerOf(queue) ?? "(nobody)"}'.");
    }

    // Two silos of one name can meet while the former process still stops: each keeps to itself.
    private SiloAddress? SiloOf(string instance, SiloAddress local)
    {
        var named = membership.CurrentSnapshot.Members.Values
            .Where(member => member.Status == SiloStatus.Active && member.Name == instance).Select(member => member.SiloAddress).ToArray();
        return named.Contains(local) ? local : named.FirstOrDefault();
    }
}
