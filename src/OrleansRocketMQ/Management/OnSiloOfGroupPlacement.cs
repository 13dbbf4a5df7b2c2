using Orleans;
using Orleans.Placement;
using Orleans.Runtime;
using Orleans.Runtime.Placement;

namespace OrleansRocketMQ.Management;

/// <summary>Grains whose key is a group, and that live on a silo where it is configured: they use its way to the brokers.</summary>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.OnSiloOfGroup")]
internal sealed class OnSiloOfGroupPlacement : PlacementStrategy;

/// <inheritdoc cref="OnSiloOfGroupPlacement"/>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class OnSiloOfGroupPlacementAttribute() : PlacementAttribute(new OnSiloOfGroupPlacement());

/// <inheritdoc cref="OnSiloOfGroupPlacement"/>
internal sealed class OnSiloOfGroupPlacementDirector(GroupSilos silos) : IPlacementDirector
{
    /// <summary>With a group that is configured nowhere the grain may be anywhere: it says so, or tells what is stored.</summary>
    /// <exception cref="ConsumerStateException">None of the silos that answer has it, and others do not answer.</exception>
    public async Task<SiloAddress> OnAddActivation(PlacementStrategy strategy, PlacementTarget target, IPlacementContext context)
    {
        var place = await silos.FindConfiguredAsync(target.GrainIdentity.Key.ToString()!).ConfigureAwait(false);
        return place.Silo ?? (place.Silent.Count == 0 ? context.LocalSilo : throw place.Refuse("be handled"));
    }
}
