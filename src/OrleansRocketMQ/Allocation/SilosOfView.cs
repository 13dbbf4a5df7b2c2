using Orleans.Runtime;
using OrleansRocketMQ.Engine.Allocation;

namespace OrleansRocketMQ.Allocation;

/// <summary>The silos of an allocation: a silo's address follows from its client id.</summary>
internal static class SilosOfView
{
    /// <summary>The silo that owns a queue; null when another program does, or nobody.</summary>
    public static SiloAddress? SiloOf(this AllocationView view, MessageQueue queue)
        => view.OwnerHere(queue) is { } owner ? ClientIdentity.SiloOf(owner) : null;

    /// <summary>The members that are silos of this cluster.</summary>
    public static IEnumerable<SiloAddress> Silos(this AllocationView view) => view.Ours.Select(ClientIdentity.SiloOf);
}
