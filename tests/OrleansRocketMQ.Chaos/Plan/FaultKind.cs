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

    /// <summary>All connections to all servers and between silos are cut at once; new ones are taken.</summary>
    CutConnections,

    /// <summary>A silo reaches neither name server nor brokers; it and the others see each other.</summary>
    PartitionFromBrokers,

    /// <summary>Two silos do not reach each other. All others reach both.</summary>
    PartitionSilos,

    /// <summary>What a silo says to another does not arrive; what that one says to it does.</summary>
    PartitionOneWay,

    /// <summary>A silo reaches no other one, and none reaches it; brokers and store it reaches.</summary>
    IsolateSilo,

    /// <summary>A silo does not reach the store of membership and grain state; the others do.</summary>
    PartitionFromStore,

    /// <summary>Connections of one silo to name server and brokers stay and take bytes, and none come out at the other end.</summary>
    HalfDeadConnections,

    /// <summary>Bytes of all connections to name server and brokers are late.</summary>
    SlowLink,

    /// <summary>Bytes between silos are late.</summary>
    SlowSilos,

    /// <summary>Bytes to and from the store are late.</summary>
    SlowStore,

    /// <summary>Bytes to and from the name server are late.</summary>
    SlowNameServer,

    /// <summary>Bytes of all connections are late by any time, and single connections are reset: what a lossy line makes of TCP.</summary>
    FlakyLinks,

    /// <summary>The name server takes no connections.</summary>
    NameServerAway,

    /// <summary>The store of membership and grain state takes no connections.</summary>
    StoreAway,

    /// <summary>It does nothing for a while, and keeps its connections.</summary>
    SuspendStore,

    /// <summary>A silo's time of day is set, forward or back, and at the end set right. What measures time goes on as ever.</summary>
    SetClock,

    /// <summary>
    /// For a silo it is later at once, as on a virtual machine that was suspended: timers come due. At the end its time of day is set
    /// right, as the others have not stood still; what measures time stays later.
    /// </summary>
    SkipTime,

    /// <summary>All silos are stopped and started again, one after the other; those that come share out queues by another strategy.</summary>
    RollSilos,

    /// <summary>Listeners take a hundred times as long for each message.</summary>
    SlowListeners,

    /// <summary>An operator pauses a group, and resumes it.</summary>
    PauseGroup,

    /// <summary>An operator lets a topic have a few messages a second, and lifts that again.</summary>
    LimitRate,

    /// <summary>An operator moves a queue to a silo of his choice, and gives it back.</summary>
    MoveQueue,

    /// <summary>An operator drains a silo, and restores it.</summary>
    DrainSilo,

    /// <summary>An operator has a group consume again what was sent in the last seconds.</summary>
    SeekBack,

    /// <summary>An operator has a group give up its topic, and subscribe to it again.</summary>
    Resubscribe,

    /// <summary>An operator stops a group on all silos, and starts it again.</summary>
    StopGroup,

    /// <summary>The member that is no silo is killed, and started again.</summary>
    KillJava,
}
