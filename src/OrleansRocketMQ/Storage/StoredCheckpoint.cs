using Orleans;
using OrleansRocketMQ.Engine.Contracts;

namespace OrleansRocketMQ.Checkpoints;

/// <summary>The record of a queue's checkpoint; tells by itself whose it is, for who reads it in a file.</summary>
[GenerateSerializer]
[Alias("OrleansRocketMQ.StoredCheckpoint")]
internal sealed record StoredCheckpoint
{
    [Id(0)]
    public string Topic { get; init; } = string.Empty;

    [Id(1)]
    public string Broker { get; init; } = string.Empty;

    [Id(2)]
    public int QueueId { get; init; }

    /// <summary>What was committed when the checkpoint was written. A store that knows less was moved back on purpose.</summary>
    [Id(3)]
    public long Committed { get; init; }

    /// <summary>Below it everything is done.</summary>
    [Id(4)]
    public long Watermark { get; init; }

    /// <summary>From here on nothing is known to be done.</summary>
    [Id(5)]
    public long SeenTo { get; init; }

    /// <summary>Offsets between the two that are not done, ascending.</summary>
    [Id(6)]
    public long[] Unfinished { get; init; } = [];

    /// <summary>
    /// The last message that was seen for sure, by its offset; nothing is known of it when <see cref="NewestId"/> is null.
    /// </summary>
    [Id(7)]
    public long NewestOffset { get; init; }

    /// <summary>Its id: a broker that lost its last messages has others at their offsets, which nobody has seen.</summary>
    [Id(8)]
    public string? NewestId { get; init; }

    public static StoredCheckpoint Of(MessageQueue queue, long committed, AckSnapshot progress, SeenMessage? newest = null) => new()
    {
        Topic = queue.Topic,
        Broker = queue.BrokerName,
        QueueId = queue.QueueId,
        Committed = committed,
        Watermark = progress.Watermark,
        SeenTo = progress.SeenTo,
        Unfinished = progress.Unfinished,
        NewestOffset = newest?.Offset ?? 0,
        NewestId = newest?.Id,
    };

    public CheckpointRecord ToRecord()
        => new(Committed, new AckSnapshot(Watermark, SeenTo, Unfinished), NewestId is null ? null : new(NewestOffset, NewestId));
}
