namespace OrleansRocketMQ.Chaos.Plan;

/// <summary>What goes wrong. By the names openchaos has for them, where it has one.</summary>
internal enum FaultKind
{
    /// <summary>A silo's process is killed; a new one takes its place at the end.</summary>
    KillSilo,

    /// <summary>A silo does nothing for a while (SIGSTOP).</summary>
    SuspendSilo,

    /// <summary>A silo is stopped as a service manager does; a new one takes its place at the end.</summary>
    StopSilo,

    /// <summary>One silo more, until the end.</summary>
    AddSilo,

    /// <summary>The process of name server and brokers is killed, and started on the same files at the end.</summary>
    KillBrokers,

    /// <summary>It does nothing for a while.</summary>
    SuspendBrokers,

    /// <summary>The second master is away, its slave stays.</summary>
    StopMaster,

    /// <summary>All connections to name server and brokers are cut at once; new ones are taken.</summary>
    CutConnections,

    /// <summary>No connection of one silo to name server and brokers gets through, and new ones are refused.</summary>
    PartitionSilo,

    /// <summary>Connections of one silo stay and take bytes, and none come out at the other end.</summary>
    HalfDeadConnections,

    /// <summary>Bytes of all connections are late.</summary>
    SlowLink,

    /// <summary>The name server takes no connections.</summary>
    NameServerAway,

    /// <summary>The store of membership and grain state does nothing for a while.</summary>
    SuspendStore,
}

/// <summary>One fault of a round.</summary>
/// <param name="Kind">What goes wrong.</param>
/// <param name="At">When, after the silos run.</param>
/// <param name="Lasts">For how long.</param>
/// <param name="Target">Which silo, by its place in the list of those that run then.</param>
/// <param name="Amount">How much, as the kind understands it: milliseconds of a slow link.</param>
internal sealed record Fault(FaultKind Kind, TimeSpan At, TimeSpan Lasts, int Target, int Amount)
{
    /// <summary>
    /// Whether messages may come again because of it: what was consumed and not yet committed, when a silo or what it tells is lost.
    /// An orderly end, or one silo more, is no reason.
    /// </summary>
    public bool MayRepeat => Kind is not (FaultKind.StopSilo or FaultKind.AddSilo);

    public override string ToString() => FormattableString.Invariant($"{Kind} at {At.TotalSeconds:0.0} s for {Lasts.TotalSeconds:0.0} s, target {Target}, amount {Amount}");
}
