using OrleansRocketMQ.Engine.Contracts;

namespace OrleansRocketMQ.Engine.Ports;

/// <summary>The listeners of a group. Thread-safe.</summary>
internal interface IListeners
{
    /// <summary>The listener of a slot of this member, which makes one call at a time. Another number is another listener.</summary>
    IListener OfSlot(int slot);

    /// <summary>The listener of a key, the same one for all members.</summary>
    IListener OfKey(string key);

    /// <summary>The listener of a queue that is consumed in order.</summary>
    IQueueListener OfQueue(MessageQueue queue);
}

/// <summary>One listener of messages in no order, or of a key's messages.</summary>
internal interface IListener : ICallee<ListenerOutcome>
{
    /// <summary>Whether it may be given messages where it is; no when it moves, or its answer is lost.</summary>
    /// <exception cref="OperationCanceledException">Nobody waits any more.</exception>
    Task<bool> IsReadyAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Gives messages to the listener, batch by batch. Never fails because the listener does; the outcome tells what did. A
    /// batch that takes longer than it may ends the call with that batch as failed.
    /// </summary>
    /// <param name="call">The messages.</param>
    /// <param name="cancellationToken">Fires when the outcome does not count any more; the call may end late or never.</param>
    /// <exception cref="Exception">The way to the listener has failed: nobody has judged the messages.</exception>
    Task<ListenerOutcome> ConsumeAsync(in ListenerCall call, CancellationToken cancellationToken);
}

/// <summary>Messages for a listener.</summary>
/// <param name="Queue">The queue they were pulled from.</param>
/// <param name="Messages">The messages, in order.</param>
/// <param name="BatchSize">Messages per call of the listener.</param>
/// <param name="TimeLimit">The run stops after the batch in which this time is over, so that what is left can go elsewhere.</param>
/// <param name="ConsumeTimeout">How long the listener may have one batch.</param>
internal readonly record struct ListenerCall(
    MessageQueue Queue, ArraySegment<MessageExt> Messages, int BatchSize, TimeSpan TimeLimit, TimeSpan ConsumeTimeout)
{
    /// <summary>Whether it ends with the first batch that fails, because what is behind it must not overtake it.</summary>
    public bool InOrder { get; init; }

    /// <summary>How often the first message has failed beside what it tells itself.</summary>
    public int Failures { get; init; }

    /// <summary>Lets whoever calls take back what has not begun; of use only to a listener in the same process.</summary>
    public BatchClaim? Share { get; init; }

    /// <summary>By what right the messages are given; of use only to a listener in the same process.</summary>
    public IOwnership? Ownership { get; init; }

    /// <summary>Lets the listener's side have its time anew.</summary>
    public RenewableCall? Renewable { get; init; }
}

/// <summary>What became of a call.</summary>
/// <param name="Consumed">How many messages, from the first on, were given to the listener.</param>
/// <param name="ListenerTime">The time the listener took for them.</param>
/// <param name="Failures">Those of them that failed, in order; null when none did.</param>
internal readonly record struct ListenerOutcome(int Consumed, TimeSpan ListenerTime, IReadOnlyList<FailedMessage>? Failures)
{
    /// <summary>Nothing was given to the listener, because its silo stops or it has moved; the next call finds it elsewhere.</summary>
    public static ListenerOutcome Refused => new(0, TimeSpan.Zero, null) { IsRefused = true };

    /// <summary>How many of the failures, the last ones, failed because the listener had them for too long.</summary>
    public int TimedOut { get; init; }

    /// <summary>Whether it is <see cref="Refused"/>.</summary>
    public bool IsRefused { get; init; }

    /// <summary>
    /// Why the listener, which is where it was looked for, can take nothing just now; null when it has not said so. Nothing was given
    /// to it then, and nothing has failed: the messages wait, without an attempt counted, until it is asked again.
    /// </summary>
    public string? Held { get; init; }
}

/// <summary>The time in which a queue may be worked on here.</summary>
internal interface IOwnership
{
    /// <summary>Whether it is not over. What once is over never comes back.</summary>
    bool IsValid { get; }

    /// <summary>What listeners get: fires when their result does not count any more.</summary>
    CancellationToken Listening { get; }
}
