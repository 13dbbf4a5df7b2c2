using OrleansRocketMQ.Engine.Queue;

namespace OrleansRocketMQ.Engine.Pop;

/// <summary>What a queue that is popped is in.</summary>
internal enum PopPhase
{
    Placing,
    Popping,
    Paused,
    Fenced,
    BackingOff,
    Halted,
    Stopping,
    Stopped,
}

/// <summary>
/// All that decides what may be done with a queue that is popped, as a value: the counterpart of <see cref="QueueState"/>
/// without lock, offset and moves, which are the broker's. Immutable.
/// </summary>
internal sealed record PopState
{
    /// <summary>Whether the broker knows where the group begins in the queue.</summary>
    public bool IsPlaced { get; private init; }

    /// <summary>Whether somebody wants the queue to pause.</summary>
    public bool IsPauseWanted { get; private init; }

    /// <summary>Whether it is in doubt that this member is one of the cluster.</summary>
    public bool IsFenceClosed { get; private init; }

    /// <summary>Whether an attempt has failed and the next one is not due yet.</summary>
    public bool IsBackingOff { get; private init; }

    /// <summary>Whether attempts have failed too often, and nobody has said yet that the queue is to try again.</summary>
    public bool IsHalted { get; private init; }

    public bool IsStopping { get; private init; }

    public bool IsStopped { get; private init; }

    /// <summary>Of all that keeps it from being popped, what has to be over first.</summary>
    public PopPhase Phase
        => IsStopped ? PopPhase.Stopped
        : IsStopping ? PopPhase.Stopping
        : IsFenceClosed ? PopPhase.Fenced
        : IsBackingOff ? PopPhase.BackingOff
        : IsHalted ? PopPhase.Halted
        : IsPauseWanted ? PopPhase.Paused
        : !IsPlaced ? PopPhase.Placing
        : PopPhase.Popping;

    /// <summary>Whether messages may go to listeners.</summary>
    public bool MayHandOut => !IsPauseWanted && !IsFenceClosed && !IsStopping;

    /// <summary>What an event does to it. Every state has an answer to every event; what says nothing of pops changes nothing.</summary>
    public PopState Next(QueueEventKind happened)
    {
        if (IsStopped || (IsStopping && happened != QueueEventKind.Ended))
        {
            return this;
        }

        var next = happened switch
        {
            QueueEventKind.Positioned => this with { IsPlaced = true },
            QueueEventKind.FenceClosed => this with { IsFenceClosed = true, IsBackingOff = false },
            QueueEventKind.FenceOpened => this with { IsFenceClosed = false },
            QueueEventKind.Paused => this with { IsPauseWanted = true },
            QueueEventKind.Resumed => this with { IsPauseWanted = false },
            QueueEventKind.AttemptFailed => this with { IsBackingOff = true },
            QueueEventKind.FailedTooOften => this with { IsHalted = true, IsBackingOff = false },
            QueueEventKind.RetryDue => this with { IsBackingOff = false },
            QueueEventKind.Recovered => this with { IsBackingOff = false, IsHalted = false },
            QueueEventKind.Stop => this with { IsStopping = true, IsBackingOff = false, IsHalted = false },
            QueueEventKind.Ended => IsStopping ? this with { IsStopped = true } : this,
            _ => this,
        };
        return next == this ? this : next;
    }
}
