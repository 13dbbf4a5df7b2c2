namespace OrleansRocketMQ.Producing;

/// <summary>How safely a message was stored; all of these mean that it was. Mirrors <c>SendStatus</c>.</summary>
public enum SendStatus
{
    /// <summary>As safely as the broker is set up for.</summary>
    Ok = 0,

    /// <summary>Not on disk within the broker's time limit.</summary>
    FlushDiskTimeout = 1,

    /// <summary>Not at a slave within the broker's time limit.</summary>
    FlushSlaveTimeout = 2,

    /// <summary>At no slave, as none is there.</summary>
    SlaveNotAvailable = 3,
}

/// <summary>Where a message went. Mirrors <c>SendResult</c>.</summary>
public sealed record SendResult
{
    /// <summary>How safely it was stored.</summary>
    public required SendStatus Status { get; init; }

    /// <summary>The id the producer gave (<c>UNIQ_KEY</c>); of a batch those of all messages, separated by commas.</summary>
    public required string MessageId { get; init; }

    /// <summary>The id under which the broker finds it; of a batch those of all messages, separated by commas.</summary>
    public required string OffsetMessageId { get; init; }

    /// <summary>The queue it is in.</summary>
    public required MessageQueue Queue { get; init; }

    /// <summary>Its position there; of a batch that of the first message.</summary>
    public required long QueueOffset { get; init; }

    /// <summary>The transaction's id, for a half message; otherwise what the broker told, or null.</summary>
    public string? TransactionId { get; init; }

    /// <summary>
    /// The delay level the broker holds the message back by, where it was to come at a time and the broker knows levels only; 0
    /// when that time was past. Otherwise null.
    /// </summary>
    public int? DelayLevel { get; init; }

    /// <summary>
    /// What <see cref="Producer.RecallAsync"/> takes to take the message back while it waits for its time; null for a message that
    /// does not wait, and from brokers before 5.3.2.
    /// </summary>
    public string? RecallHandle { get; init; }

    /// <summary>The broker's region.</summary>
    public string RegionId { get; init; } = "DefaultRegion";
}
