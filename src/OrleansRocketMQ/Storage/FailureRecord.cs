using Orleans;

namespace OrleansRocketMQ.Dispatch.Orderly;

/// <summary>How often the unfinished messages of a queue have failed; what is kept of it in grain storage.</summary>
[GenerateSerializer]
[Alias("OrleansRocketMQ.FailureRecord")]
internal sealed class FailureRecord
{
    /// <summary>One entry for each message that has failed and is not done.</summary>
    [Id(0)]
    public List<MessageFailures> Messages { get; set; } = [];
}

/// <summary>How often a message has failed. Storages that write names of types know it by this one, so it stays.</summary>
/// <param name="Offset">Its place in the queue.</param>
/// <param name="MessageId">Its id: a queue that was deleted and made again has other messages at the same offsets.</param>
/// <param name="Count">Failures since it was stored in this queue.</param>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.MessageFailures")]
internal sealed record MessageFailures([property: Id(0)] long Offset, [property: Id(1)] string MessageId, [property: Id(2)] int Count)
{
    /// <summary>When it failed first; null when that is not known, as in records of versions before 0.3.</summary>
    [Id(3)]
    public DateTimeOffset? First { get; init; }
}
