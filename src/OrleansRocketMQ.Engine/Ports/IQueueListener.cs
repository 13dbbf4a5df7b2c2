using OrleansRocketMQ.Engine.Contracts;

namespace OrleansRocketMQ.Engine.Ports;

/// <summary>The listener of one queue that is consumed in order. One call at a time.</summary>
internal interface IQueueListener : ICallee<OrderlyOutcome>
{
    /// <inheritdoc cref="IListener.IsReadyAsync"/>
    Task<bool> IsReadyAsync(CancellationToken cancellationToken);

    /// <summary>Gives messages to the listener batch by batch, up to the first batch that does not succeed.</summary>
    /// <inheritdoc cref="IListener.ConsumeAsync"/>
    Task<OrderlyOutcome> ConsumeAsync(in OrderlyCall call, CancellationToken cancellationToken);

    /// <summary>The queue has left this member; the listener may follow it.</summary>
    Task QueueLeftAsync();
}

/// <summary>Messages for a listener in order.</summary>
/// <param name="Queue">The queue they were pulled from.</param>
/// <param name="LeaseNumber">The number of the lease of the queue they belong to.</param>
/// <param name="Messages">The messages, in order.</param>
/// <param name="BatchSize">Messages per call of the listener.</param>
/// <param name="TimeLimit">The run stops after the batch in which this time is over.</param>
internal readonly record struct OrderlyCall(
    MessageQueue Queue, int LeaseNumber, ArraySegment<MessageExt> Messages, int BatchSize, TimeSpan TimeLimit)
{
    /// <summary>Whether what succeeds may be committed at once, unless the listener says otherwise.</summary>
    public bool AutoCommit { get; init; }

    /// <summary>Whether the listener may say otherwise.</summary>
    public bool MayDecideCommit { get; init; }

    /// <summary>How often each has failed; null when none has but what its own count says.</summary>
    public int[]? ReconsumeTimes { get; init; }

    /// <summary>By what right the messages are given; of use only to a listener in the same process.</summary>
    public IOwnership? Ownership { get; init; }

    /// <summary>The name of the call, by which the listener may be asked after it. Calls in order have no time-out.</summary>
    public RenewableCall? Renewable { get; init; }
}

/// <summary>What became of a call in order.</summary>
/// <param name="Succeeded">How many messages, from the first on, succeeded.</param>
/// <param name="Committed">How many of them may be committed; if any, then all before them too.</param>
/// <param name="Stopped">The batch behind them that did not succeed; null when none was tried.</param>
/// <param name="Batches">How many batches were tried.</param>
/// <param name="ListenerTime">The time the listener took for them.</param>
internal sealed record OrderlyOutcome(int Succeeded, int Committed, FailedBatch? Stopped, int Batches, TimeSpan ListenerTime)
{
    /// <summary>Nothing was given to the listener, because its silo stops.</summary>
    public static readonly OrderlyOutcome Refused = new(0, 0, null, 0, TimeSpan.Zero) { IsRefused = true };

    /// <summary>Whether it is <see cref="Refused"/>.</summary>
    public bool IsRefused { get; init; }

    /// <inheritdoc cref="ListenerOutcome.Held"/>
    public string? Held { get; init; }

    /// <summary>Those that are to be dead letters by the listener's own word, whatever became of the others; in order.</summary>
    public IReadOnlyList<RejectedMessage> Rejected { get; init; } = [];

    /// <summary>How many of the first messages are to be dead letters.</summary>
    public int RejectedAmong(int count) => Rejected.Count == 0 ? 0 : Rejected.Count(rejected => rejected.Index < count);

    /// <summary>The member on which the listener is; null when that is not known.</summary>
    public string? Member { get; init; }

    /// <summary>Why a message that is not done has failed.</summary>
    public FailedMessage FailureOf(int index)
    {
        foreach (var rejected in Rejected)
        {
            if (rejected.Index == index)
            {
                return new(index, FailedMessage.ToDeadLetters, rejected.Reason, ErrorTypes.Rejected, rejected.Reason) { Member = Member };
            }
        }

        return new(index, 0, Stopped?.Error, Stopped?.ErrorType, Stopped?.Reason) { Stack = Stopped?.Stack, Member = Member };
    }
}

/// <summary>A batch that did not succeed.</summary>
/// <param name="Count">Its messages.</param>
/// <param name="IsRollback">Whether it did not fail, but comes again with all that is not committed.</param>
/// <param name="Pause">How long the listener wants to wait; null: as the group's options say.</param>
/// <param name="AutoCommit">Whether the batch was to be committed at once.</param>
/// <param name="Error">What went wrong; null when the listener just said so.</param>
/// <param name="ErrorType">Why it did not succeed, in few different words.</param>
/// <param name="Reason">Why its messages are to be dead letters at once; null where they are to come again.</param>
internal sealed record FailedBatch(
    int Count, bool IsRollback, TimeSpan? Pause, bool AutoCommit, string? Error, string? ErrorType = null, string? Reason = null)
{
    /// <summary>How long exactly its messages are to wait, whatever <see cref="Pause"/> says; null where nobody has said.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>Whether the queue is to stand still, with the batch in it, until somebody says otherwise.</summary>
    public bool StopsQueue { get; init; }

    /// <summary>
    /// Whether no broker has just taken its message, which is to be a dead letter: none is asked once more before it comes again.
    /// </summary>
    public bool IsRefused { get; init; }

    /// <summary>Where the exception was thrown; null when there was none.</summary>
    public string? Stack { get; init; }
}
