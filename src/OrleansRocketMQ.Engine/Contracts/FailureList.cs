namespace OrleansRocketMQ.Engine.Contracts;

/// <summary>What is kept of the messages of a queue that have failed and are not done.</summary>
internal sealed record FailureList(IReadOnlyList<MessageFailures> Messages);

/// <summary>How often a message has failed.</summary>
/// <param name="Offset">Its place in the queue.</param>
/// <param name="MessageId">Its id: a queue that was deleted and made again has other messages at the same offsets.</param>
/// <param name="Count">Failures since it was stored in this queue.</param>
internal sealed record MessageFailures(long Offset, string MessageId, int Count)
{
    /// <summary>When it failed first; null when that is not known.</summary>
    public DateTimeOffset? First { get; init; }
}
