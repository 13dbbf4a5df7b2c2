using Orleans;

namespace OrleansRocketMQ;

/// <summary>
/// A queue that an error rule has stopped (<c>ErrorAction.Stop</c>): it neither pulls nor hands anything out, on whatever silo, until
/// it is resumed. Immutable.
/// </summary>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.StoppedQueue")]
public sealed record StoppedQueue
{
    /// <summary>The queue.</summary>
    [Id(0)]
    public required MessageQueue Queue { get; init; }

    /// <summary>The id of the message on which the listener failed. It is still in the queue.</summary>
    [Id(1)]
    public string MessageId { get; init; } = string.Empty;

    /// <summary>The offset of that message.</summary>
    [Id(2)]
    public long Offset { get; init; }

    /// <summary>What the listener has thrown; its first 1,024 characters.</summary>
    [Id(3)]
    public string Reason { get; init; } = string.Empty;

    /// <summary>When.</summary>
    [Id(4)]
    public DateTimeOffset Since { get; init; }

    /// <summary>The silo on which the queue was.</summary>
    [Id(5)]
    public string Silo { get; init; } = string.Empty;

    /// <inheritdoc/>
    public override string ToString()
        => $"Stopped by an error rule on silo {Silo} at {Since:u}, at message {MessageId} (offset {Offset}), until it is resumed: {Reason}";
}
