using Orleans;

namespace OrleansRocketMQ;

/// <summary>How a queue that is consumed in order stands.</summary>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.OrderlyQueueStatus")]
public sealed record OrderlyQueueStatus
{
    /// <summary>Whether its silo holds the queue's lock at the broker. Without it nothing is pulled or consumed.</summary>
    [Id(0)]
    public bool IsLocked { get; init; }

    /// <summary>Whether the queue pauses after a failure.</summary>
    [Id(1)]
    public bool IsSuspended { get; init; }

    /// <summary>Messages that succeeded and wait for the listener's commit.</summary>
    [Id(2)]
    public int UncommittedMessages { get; init; }

    /// <summary>Messages that have failed and are not done, with their counts.</summary>
    [Id(3)]
    public IReadOnlyList<FailingMessageStatus> Failing { get; init; } = [];

    /// <summary>Sharding keys that are set aside.</summary>
    [Id(4)]
    public IReadOnlyList<ParkedKeyStatus> ParkedKeys { get; init; } = [];
}

/// <summary>A message that has failed and is tried again.</summary>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.FailingMessageStatus")]
public sealed record FailingMessageStatus
{
    /// <summary>Its offset in the queue.</summary>
    [Id(0)]
    public required long Offset { get; init; }

    /// <summary>Its id.</summary>
    [Id(1)]
    public required string MessageId { get; init; }

    /// <summary>How often it has failed in this queue.</summary>
    [Id(2)]
    public required int Failures { get; init; }
}

/// <summary>A sharding key that is set aside.</summary>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.ParkedKeyStatus")]
public sealed record ParkedKeyStatus
{
    /// <summary>The key.</summary>
    [Id(0)]
    public required string Key { get; init; }

    /// <summary>How many of its messages wait.</summary>
    [Id(1)]
    public required int Messages { get; init; }

    /// <summary>The offset of the first of them.</summary>
    [Id(2)]
    public required long FirstOffset { get; init; }
}
