using Orleans;
using Orleans.Placement;
using Orleans.Runtime;
using Orleans.Runtime.Placement;
using OrleansRocketMQ.Consumers;

namespace OrleansRocketMQ.Management;

/// <summary>Starts and stops a group on one silo. The key is <c>group@silo</c>, and the grain lives on that silo.</summary>
[Alias("OrleansRocketMQ.IConsumerSwitchGrain")]
internal interface IConsumerSwitchGrain : IGrainWithStringKey
{
    /// <summary>Starts or stops it.</summary>
    /// <returns>False when the group is not configured there.</returns>
    [ResponseTimeout("00:12:00")]
    [Alias("Switch")]
    Task<bool> SwitchAsync(bool on);
}

/// <inheritdoc cref="IConsumerSwitchGrain"/>
[OnNamedSiloPlacement]
internal sealed class ConsumerSwitchGrain(IGrainContext context, RocketMQConsumers consumers) : Grain, IConsumerSwitchGrain
{
    /// <summary>Groups cannot hold an at sign.</summary>
    public static string KeyOf(string group, SiloAddress silo) => $"{group}@{silo.ToParsableString()}";

    /// <summary>The group of such a key.</summary>
    public static string GroupOf(string key) => key[..key.IndexOf('@', StringComparison.Ordinal)];

    public async Task<bool> SwitchAsync(bool on)
    {
        if (consumers.Find(GroupOf(context.GrainId.Key.ToString()!)) is not { } consumer)
        {
            return false;
        }

        await (on ? consumer.StartAsync() : consumer.StopAsync());
        return true;
    }
}

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
