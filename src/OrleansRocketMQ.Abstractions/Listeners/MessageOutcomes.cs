namespace OrleansRocketMQ;

/// <summary>What a listener says of single messages of one call. Made with the first word. Thread-safe.</summary>
internal sealed class MessageOutcomes
{
    private readonly Lock _gate = new();

    // A call's messages are of one queue.
    private readonly Dictionary<long, MessageOutcome> _byOffset = [];

    public MessageOutcome? Of(MessageExt message)
    {
        lock (_gate)
        {
            return _byOffset.TryGetValue(message.QueueOffset, out var outcome) ? outcome : null;
        }
    }

    /// <summary>The last word counts.</summary>
    public void Set(MessageExt message, MessageOutcome outcome)
    {
        lock (_gate)
        {
            _byOffset[message.QueueOffset] = outcome;
        }
    }
}

/// <summary>A context that takes what a listener says.</summary>
internal interface IMessageOutcomes
{
    void Reject(MessageExt message, string reason);

    void RetryAfter(MessageExt message, TimeSpan time);

    void Renew();

    MessageOutcome? OutcomeOf(MessageExt message);
}

/// <summary>A call whose time a listener may begin anew.</summary>
internal interface IRenewable
{
    /// <summary>From now on it has its whole time again. Thread-safe.</summary>
    void Renew();
}
