using OrleansRocketMQ.Chaos.Plan;

namespace OrleansRocketMQ.Chaos.World;

/// <summary>The ports that connections of a round lead to, beside those of silos.</summary>
internal sealed record ServerPorts(int NameServer, IReadOnlyList<int> NameServerAndBrokers, int Store);

/// <summary>A silo as connections know it: its process, and the port others reach it at.</summary>
internal readonly record struct SiloAtLinks(int Process, int Port);

/// <summary>Which bytes a fault of connections hits, and how.</summary>
internal static class LinkFaults
{
    /// <param name="fault">What goes wrong.</param>
    /// <param name="silo">Its target.</param>
    /// <param name="others">The other silos that run.</param>
    /// <param name="ports">Where the servers are.</param>
    /// <returns>Null when the fault is none of connections.</returns>
    public static Disturbance? Of(Fault fault, SiloAtLinks silo, IReadOnlyList<SiloAtLinks> others, ServerPorts ports)
    {
        var own = silo.Process;
        var late = TimeSpan.FromMilliseconds(fault.Amount);
        var harm = fault.Rejects ? Harm.Cut : Harm.Silent;
        var other = others[fault.Other % others.Count];
        return fault.Kind switch
        {
            FaultKind.PartitionFromBrokers => new(harm, flow => flow.Process == own && ports.NameServerAndBrokers.Contains(flow.Port)),
            FaultKind.HalfDeadConnections => new(Harm.HalfDead, flow => flow.Process == own && ports.NameServerAndBrokers.Contains(flow.Port)),
            FaultKind.PartitionSilos => new(harm, flow => IsFrom(silo, other, flow) || IsFrom(other, silo, flow)),

            // A connection that is rejected is so both ways, so this one can but drop.
            FaultKind.PartitionOneWay => new(Harm.Silent, flow => IsFrom(silo, other, flow)),
            FaultKind.IsolateSilo => new(harm, flow => flow.Port == silo.Port || (flow.Process == own && others.Any(one => one.Port == flow.Port))),
            FaultKind.PartitionFromStore => new(harm, flow => flow.Process == own && flow.Port == ports.Store),
            FaultKind.SlowLink => new(Harm.Slow, flow => ports.NameServerAndBrokers.Contains(flow.Port), late),
            FaultKind.SlowSilos => new(Harm.Slow, flow => flow.Port != ports.Store && !ports.NameServerAndBrokers.Contains(flow.Port), late),
            FaultKind.SlowStore => new(Harm.Slow, flow => flow.Port == ports.Store, late),
            FaultKind.SlowNameServer => new(Harm.Slow, flow => flow.Port == ports.NameServer, late),
            FaultKind.FlakyLinks => new(Harm.Flaky, _ => true, late),
            FaultKind.NameServerAway => new(Harm.Cut, flow => flow.Port == ports.NameServer),
            FaultKind.StoreAway => new(Harm.Cut, flow => flow.Port == ports.Store),
            _ => null,
        };
    }

    /// <summary>Whether bytes are said by one silo to another, over a connection of either.</summary>
    private static bool IsFrom(SiloAtLinks silo, SiloAtLinks other, Flow flow) => flow.IsOutward
        ? flow.Process == silo.Process && flow.Port == other.Port
        : flow.Process == other.Process && flow.Port == silo.Port;
}
