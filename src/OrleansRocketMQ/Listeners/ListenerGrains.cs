using System.Globalization;
using Orleans;
using Orleans.Runtime;

namespace OrleansRocketMQ.Dispatch;

/// <summary>Finds the grains of one listener class: one for each slot of this silo, so each has one caller at a time.</summary>
internal sealed class ListenerGrains(IGrainFactory grains, ResolvedListener listener, string group, SiloAddress silo)
{
    public IListenerRunner Get(int slot)
    {
        var key = string.Create(CultureInfo.InvariantCulture, $"{silo.ToParsableString()}/{slot}");
        return grains.GetGrain(GrainId.Create(listener.GrainType, listener.KeyOf(group, key))).AsReference<IListenerRunner>();
    }
}
