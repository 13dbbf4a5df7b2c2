namespace OrleansRocketMQ.Chaos.Plan;

/// <summary>One fault of a round.</summary>
/// <param name="Kind">What goes wrong.</param>
/// <param name="At">When, after the silos run.</param>
/// <param name="Lasts">For how long.</param>
/// <param name="Target">Which silo, by its place in the list of those that run then.</param>
/// <param name="Amount">How much: milliseconds that bytes are late, seconds that a clock is set or skips.</param>
internal sealed record Fault(FaultKind Kind, TimeSpan At, TimeSpan Lasts, int Target, int Amount)
{
    /// <summary>Which other silo, by its place among those that are not the target.</summary>
    public int Other { get; init; }

    /// <summary>Whether a partition rejects connections, as a firewall may, or drops what comes, so that both ends wait.</summary>
    public bool Rejects { get; init; }

    /// <summary>
    /// Whether messages may come again because of it: what was consumed and not yet committed, when a silo or what it tells is lost.
    /// An orderly end, one silo more, a store or a name server that is away or slow, a silo that does not reach its store, a clock that
    /// is set, listeners that are slow, and whatever an operator does but for a seek are no reason.
    /// </summary>
    public bool MayRepeat => Kind is FaultKind.KillSilo or FaultKind.SuspendSilo
        or FaultKind.KillBrokers or FaultKind.SuspendBrokers or FaultKind.StopMaster
        or FaultKind.CutConnections or FaultKind.PartitionFromBrokers or FaultKind.HalfDeadConnections or FaultKind.SlowLink
        or FaultKind.PartitionSilos or FaultKind.PartitionOneWay or FaultKind.IsolateSilo or FaultKind.SlowSilos or FaultKind.FlakyLinks
        or FaultKind.SkipTime or FaultKind.SeekBack or FaultKind.KillJava;

    /// <summary>
    /// Whether silos may declare one dead that lives, which ends itself then: it stood still, or they do not hear each other in time.
    /// Brokers, store, name server and the time of day are no reason.
    /// </summary>
    public bool MayBeGivenUp => Kind is FaultKind.SuspendSilo or FaultKind.PartitionSilos or FaultKind.PartitionOneWay or FaultKind.IsolateSilo
        or FaultKind.SlowSilos or FaultKind.FlakyLinks or FaultKind.CutConnections or FaultKind.SkipTime;

    /// <summary>
    /// Whether a silo that starts may not get in, and is started again: it reaches no store, or not all the others, or one whose clock
    /// is ahead believes that it has tried to join for longer than Orleans allows, which is five minutes, and evicts it.
    /// </summary>
    public bool MayKeepOut => MayBeGivenUp
        || Kind is FaultKind.KillSilo or FaultKind.StoreAway or FaultKind.SuspendStore or FaultKind.SlowStore or FaultKind.PartitionFromStore
        || (Kind == FaultKind.SetClock && Amount >= 300);

    public override string ToString()
        => FormattableString.Invariant($"{Kind} at {At.TotalSeconds:0.0} s for {Lasts.TotalSeconds:0.0} s{WhereAndHow}");

    private string WhereAndHow => Kind switch
    {
        FaultKind.PartitionSilos or FaultKind.PartitionOneWay => $", target {Target} and {Other}{HowItRefuses}",
        FaultKind.IsolateSilo or FaultKind.PartitionFromStore or FaultKind.PartitionFromBrokers => $", target {Target}{HowItRefuses}",
        FaultKind.KillSilo or FaultKind.SuspendSilo or FaultKind.StopSilo or FaultKind.HalfDeadConnections => $", target {Target}",
        FaultKind.SlowLink or FaultKind.SlowSilos or FaultKind.SlowStore or FaultKind.SlowNameServer or FaultKind.FlakyLinks => $", {Amount} ms",
        FaultKind.PauseGroup or FaultKind.LimitRate or FaultKind.SeekBack or FaultKind.Resubscribe or FaultKind.StopGroup => $", group {Target}, at {Other}",
        FaultKind.MoveQueue or FaultKind.DrainSilo => $", group {Target}, at {Other}, place {Amount}",
        FaultKind.RollSilos => $", to strategy {Target}",
        FaultKind.SetClock or FaultKind.SkipTime => $", target {Target} by {Amount} s",
        _ => string.Empty,
    };

    private string HowItRefuses => Rejects ? ", rejected" : ", dropped";
}
