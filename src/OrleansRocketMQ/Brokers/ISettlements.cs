namespace OrleansRocketMQ.Brokers;

/// <summary>Hears how long it took to settle messages at brokers: to say that they are done, come again or are dead. Thread-safe.</summary>
internal interface ISettlements
{
    /// <summary>Whether anybody listens.</summary>
    bool AreWanted { get; }

    /// <summary>A broker was told, or could not be.</summary>
    void Settled(Settlement settlement, TimeSpan took, Exception? error);
}

/// <summary>Messages are settled at a broker.</summary>
/// <param name="Kind">How.</param>
/// <param name="Group">By which group.</param>
/// <param name="Topic">The topic they were pulled from; of a copy the one it is sent to.</param>
/// <param name="Server">The broker that is told; null for a copy that was sent to nobody.</param>
internal readonly record struct Settlement(SettlementKind Kind, string Group, string Topic, string? Server);

/// <summary>How messages are settled.</summary>
internal enum SettlementKind
{
    /// <summary>The offset is stored: all before it is done.</summary>
    Ack,

    /// <summary>A message comes again.</summary>
    Nack,

    /// <summary>A message is a dead letter.</summary>
    Reject,
}
