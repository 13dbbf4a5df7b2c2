using Orleans;

namespace OrleansRocketMQ;

/// <summary>A message a listener works on.</summary>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.RunningMessageStatus")]
public sealed record RunningMessageStatus
{
    /// <summary>Its id, or of several that were handed out together that of the first.</summary>
    [Id(0)]
    public required string MessageId { get; init; }

    /// <summary>Its offset in the queue.</summary>
    [Id(1)]
    public required long Offset { get; init; }

    /// <summary>How long ago it went to the listener.</summary>
    [Id(2)]
    public required TimeSpan Age { get; init; }
}

/// <summary>How a queue stands to its lock at the broker.</summary>
public enum QueueLockState
{
    /// <summary>It needs none.</summary>
    None = 0,

    /// <summary>Its silo holds it.</summary>
    Held = 1,

    /// <summary>Its silo waits for it; until then nothing is pulled or consumed.</summary>
    Awaited = 2,
}
