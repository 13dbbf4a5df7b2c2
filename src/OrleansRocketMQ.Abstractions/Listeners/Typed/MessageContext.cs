namespace OrleansRocketMQ;

/// <summary>
/// Where a message comes from that a handler has, and what the handler wants to happen with it. Belongs to the one call it is
/// given to: do not keep it. Thread-safe.
/// </summary>
public sealed class MessageContext
{
    // Boxed, so that it is read and changed as a whole.
    private volatile object? _outcome;

    /// <summary>Creates a context; the library does it for real calls, tests for theirs.</summary>
    /// <param name="group">The consumer group.</param>
    /// <param name="queue">The queue the message was pulled from.</param>
    /// <param name="reconsumeTimes">How often the message has failed before.</param>
    public MessageContext(string group, MessageQueue queue, int reconsumeTimes = 0)
    {
        Group = group;
        Queue = queue;
        ReconsumeTimes = reconsumeTimes;
    }

    /// <summary>The consumer group.</summary>
    public string Group { get; }

    /// <summary>The queue the message was pulled from; for one that comes again a queue of the %RETRY% topic.</summary>
    public MessageQueue Queue { get; }

    /// <summary>How often the message has failed before.</summary>
    public int ReconsumeTimes { get; }

    /// <summary>The scope of the call, where filters have made one.</summary>
    internal IServiceProvider? Services { get; init; }

    /// <summary>What was said of the message; null when nothing was.</summary>
    public MessageOutcome? Outcome => (MessageOutcome?)_outcome;

    /// <summary>The batch's context and the message; null in tests of handlers.</summary>
    internal (IMessageOutcomes Context, MessageExt Message)? Call { get; init; }

    /// <summary>
    /// The message is a dead letter now, with the reason beside it, however the handler ends. A queue or a key in order goes on
    /// once the letter is filed.
    /// </summary>
    /// <param name="reason">Why, for whoever finds the letter; its first 1,024 characters are kept.</param>
    /// <exception cref="ArgumentException">The reason is empty.</exception>
    public void Reject(string reason)
    {
        _outcome = MessageOutcome.Reject(reason);
        Call?.Context.Reject(Call.Value.Message, reason);
    }

    /// <summary>
    /// The message comes again after that time, however the handler ends; it counts as one more failure of it. A queue or a key
    /// in order is held exactly that long. In no order the broker brings it back; see
    /// <see cref="ConsumeContext.RetryAfter(MessageExt, TimeSpan)"/>.
    /// </summary>
    /// <param name="time">The time, from the end of the call; what is above 40 days counts as 40 days.</param>
    /// <exception cref="ArgumentOutOfRangeException">The time is negative.</exception>
    public void RetryAfter(TimeSpan time)
    {
        _outcome = MessageOutcome.Retry(time);
        Call?.Context.RetryAfter(Call.Value.Message, time);
    }

    /// <inheritdoc cref="ConsumeContext.Renew"/>
    public void Renew() => Call?.Context.Renew();
}
