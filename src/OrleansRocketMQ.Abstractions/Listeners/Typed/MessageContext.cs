namespace OrleansRocketMQ;

/// <summary>
/// Where a message comes from that a handler has. Belongs to the one call it is given to: do not keep it. Thread-safe.
/// </summary>
public sealed class MessageContext
{
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
}
