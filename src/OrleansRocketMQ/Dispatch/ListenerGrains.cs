using System.Globalization;
using Microsoft.Extensions.Options;
using Orleans;
using Orleans.Metadata;
using Orleans.Runtime;
using Orleans.Serialization.Configuration;

namespace OrleansRocketMQ.Dispatch;

/// <summary>Finds the grains of one listener class: one for each slot of this silo, so each has one caller at a time.</summary>
internal sealed class ListenerGrains(IGrainFactory grains, GrainType listenerType, SiloAddress silo)
{
    public IListenerRunner Get(int slot)
    {
        var key = string.Create(CultureInfo.InvariantCulture, $"{silo.ToParsableString()}/{slot}");
        return grains.GetGrain(GrainId.Create(listenerType, key)).AsReference<IListenerRunner>();
    }
}

/// <summary>Finds the grain class of a configured listener.</summary>
internal sealed class ListenerClasses(IOptions<TypeManifestOptions> manifest, GrainTypeResolver grainTypes)
{
    /// <summary>All grain classes this silo knows that are listeners.</summary>
    public IEnumerable<Type> All => manifest.Value.InterfaceImplementations.Where(
        type => type is { IsClass: true, IsAbstract: false } && typeof(IConcurrentListener).IsAssignableFrom(type) && typeof(IGrainBase).IsAssignableFrom(type));

    /// <summary>The grain type of a listener given as class or as interface.</summary>
    /// <exception cref="RocketMQConfigurationException">No class, or more than one, implements the interface.</exception>
    public GrainType Resolve(string group, Type listener)
    {
        var classes = All.Where(listener.IsAssignableFrom).ToArray();
        return classes.Length == 1 || classes.Contains(listener)
            ? grainTypes.GetGrainType(classes.Length == 1 ? classes[0] : listener)
            : throw new RocketMQConfigurationException(
                $"RocketMQ:Consumers:{group}:Listener",
                listener.FullName,
                classes.Length == 0
                    ? "a grain class this silo knows, or an interface that one of them implements"
                    : $"one grain class, but it is implemented by {string.Join(", ", classes.Select(type => type.FullName))}");
    }
}
