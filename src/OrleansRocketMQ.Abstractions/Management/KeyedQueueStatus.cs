using Orleans;

namespace OrleansRocketMQ;

/// <summary>How the keys of a queue stand that is consumed in their order.</summary>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.KeyedQueueStatus")]
public sealed record KeyedQueueStatus
{
    /// <summary>Keys whose next message has failed and waits for another attempt.</summary>
    [Id(0)]
    public int BlockedKeys { get; init; }

    /// <summary>Messages that wait with them.</summary>
    [Id(1)]
    public int BlockedMessages { get; init; }

    /// <summary>One of these keys; empty when there is none.</summary>
    [Id(2)]
    public string BlockedKey { get; init; } = string.Empty;

    /// <summary>How often that key's message has failed since the queue started on its silo.</summary>
    [Id(3)]
    public int Failures { get; init; }

    /// <summary>Why it failed last.</summary>
    [Id(4)]
    public string LastError { get; init; } = string.Empty;
}
