using Orleans;

namespace OrleansRocketMQ;

/// <summary>
/// Tells about a consumer group as a whole; the grain's key is the group. Works from any silo of the group and from
/// Orleans clients.
/// </summary>
[Alias("OrleansRocketMQ.IConsumerGroupManagementGrain")]
public interface IConsumerGroupManagementGrain : IGrainWithStringKey
{
    /// <summary>The group's queues, who owns them and how far they are.</summary>
    /// <param name="cancellationToken">Gives up early.</param>
    /// <exception cref="ConsumerStateException">No silo of the cluster runs this group.</exception>
    [Alias("GetStatus")]
    Task<ConsumerGroupStatus> GetStatusAsync(CancellationToken cancellationToken = default);
}

/// <summary>A group at one moment.</summary>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.ConsumerGroupStatus")]
public sealed record ConsumerGroupStatus
{
    /// <summary>The group.</summary>
    [Id(0)]
    public required string Group { get; init; }

    /// <summary>Client ids the brokers list for the group, those of other programs included.</summary>
    [Id(1)]
    public required IReadOnlyList<string> ClientIds { get; init; }

    /// <summary>Every queue of the subscribed topics, in order.</summary>
    [Id(2)]
    public required IReadOnlyList<QueueStatus> Queues { get; init; }

    /// <summary>Messages not yet consumed, over all queues that run in this cluster.</summary>
    public long Lag => Queues.Sum(queue => queue.Lag);
}

/// <summary>A queue at one moment.</summary>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.QueueStatus")]
public sealed record QueueStatus
{
    /// <summary>The queue.</summary>
    [Id(0)]
    public required MessageQueue Queue { get; init; }

    /// <summary>The client id that owns it by allocation; empty when nobody does.</summary>
    [Id(1)]
    public string Owner { get; init; } = string.Empty;

    /// <summary>The silo it runs on; empty when it runs in another program or has not started.</summary>
    [Id(2)]
    public string Silo { get; init; } = string.Empty;

    /// <summary>The offset below which everything is done, as last committed; -1 when unknown.</summary>
    [Id(3)]
    public long CommittedOffset { get; init; } = -1;

    /// <summary>The offset below which everything is done, committed or not; -1 when unknown.</summary>
    [Id(4)]
    public long Watermark { get; init; } = -1;

    /// <summary>The offset the next pull starts at; -1 when unknown.</summary>
    [Id(5)]
    public long NextPullOffset { get; init; } = -1;

    /// <summary>The offset the broker gives to the next message stored; -1 when unknown.</summary>
    [Id(6)]
    public long MaxOffset { get; init; } = -1;

    /// <summary>Messages pulled and not yet done.</summary>
    [Id(7)]
    public int CachedMessages { get; init; }

    /// <summary>Bytes of their bodies.</summary>
    [Id(8)]
    public long CachedBytes { get; init; }

    /// <summary>Messages a listener works on now.</summary>
    [Id(9)]
    public int InFlight { get; init; }

    /// <summary>What last went wrong with the queue; empty when nothing did.</summary>
    [Id(10)]
    public string LastError { get; init; } = string.Empty;

    /// <summary>What is known of a queue that is consumed in the order of keys; null for others.</summary>
    [Id(40)]
    public KeyedQueueStatus? Keys { get; init; }

    /// <summary>Messages not yet consumed.</summary>
    public long Lag => MaxOffset < 0 || Watermark < 0 ? 0 : Math.Max(0, MaxOffset - Watermark);
}
