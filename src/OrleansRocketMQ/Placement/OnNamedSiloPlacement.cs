using Orleans;
using Orleans.Placement;
using Orleans.Runtime;
using Orleans.Runtime.Placement;

namespace OrleansRocketMQ.Management;

/// <summary>Grains that live on the silo their key names behind the first at sign.</summary>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.OnNamedSilo")]
internal sealed class OnNamedSiloPlacement : PlacementStrategy;

/// <inheritdoc cref="OnNamedSiloPlacement"/>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class OnNamedSiloPlacementAttribute() : PlacementAttribute(new OnNamedSiloPlacement());

/// <inheritdoc cref="OnNamedSiloPlacement"/>
internal sealed class OnNamedSiloPlacementDirector : IPlacementDirector
{
    /// <exception cref="SiloHasNoConsumersException">The silo is gone, or has nothing of RocketMQ.</exception>
    public Task<SiloAddress> OnAddActivation(PlacementStrategy strategy, PlacementTarget target, IPlacementContext context)
    {
        var key = target.GrainIdentity.Key.ToString()!;
        var silo = SiloAddress.FromParsableString(key[(key.IndexOf('@', StringComparison.Ordinal) + 1)..]);
        return context.GetCompatibleSilos(target).Contains(silo)
            ? Task.FromResult(silo)
            : throw new SiloHasNoConsumersException(silo.ToParsableString());
    }
}

/// <summary>A silo is gone, or has nothing of RocketMQ.</summary>
internal sealed class SiloHasNoConsumersException(string silo)
    : RocketMQException(RocketMQErrorCode.State, $"Silo {silo} has no consumers.");
