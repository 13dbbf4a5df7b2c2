namespace OrleansRocketMQ.Chaos.Checking;

/// <summary>What is measured of the groups of a round.</summary>
/// <param name="Settled">How long after the last send all was consumed and had its effect.</param>
/// <param name="Balanced">How long after the last fault all queues were shared out.</param>
/// <param name="Effects">How many effects there are.</param>
/// <param name="Repeats">What came again.</param>
/// <param name="Offsets">What brokers have told of offsets.</param>
/// <param name="MostMemory">What the largest silo has in memory at the end, in MiB.</param>
internal sealed record RoundFigures(TimeSpan Settled, TimeSpan Balanced, long Effects, Repeats Repeats, OffsetHistory Offsets, long MostMemory)
{
    public override string ToString() => FormattableString.Invariant(
        $"all consumed {Settled.TotalSeconds:0.0} s after the last was sent, balanced {Balanced.TotalSeconds:0.0} s after the last fault; {Effects} effects; {Repeats}; {Offsets.Samples} offsets looked at, {Offsets.StepsBack.Count} went back; silos of {MostMemory} MiB at most");
}
