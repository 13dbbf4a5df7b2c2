namespace OrleansRocketMQ.Engine.Flow;

/// <summary>An error rule wants a queue to stand still until somebody says otherwise.</summary>
/// <param name="Queue">The queue.</param>
/// <param name="MessageId">The message it stops at,</param>
/// <param name="Offset">and where that lies.</param>
/// <param name="Error">What went wrong with it.</param>
internal sealed record QueueStop(MessageQueue Queue, string MessageId, long Offset, string? Error)
{
    public override string ToString() => $"Stopped by an error rule at message {MessageId}, until it is resumed: {Error}";
}
