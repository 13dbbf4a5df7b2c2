namespace OrleansRocketMQ.Engine.Queue;

/// <summary>What a queue is in.</summary>
internal enum QueuePhase
{
    AwaitingLock,
    Positioning,
    Running,
    Paused,
    Fenced,
    Verifying,
    Draining,
    BackingOff,
    Halted,
    Stopping,
    Stopped,
}

/// <summary>
/// All that decides what may be done with a queue, as a value. Facts that are independent of each other are fields;
/// what the queue is in follows from them, and so does what its loop does and what may be handed out and committed.
/// Changed by <see cref="Next"/> only. Immutable.
/// </summary>
internal sealed partial record QueueState
{
    private QueueState()
    {
    }

    /// <summary>Whether the queue may be worked on only while its lock is held.</summary>
    public bool NeedsLock { get; private init; }

    /// <summary>Whether the lock is held, where one is needed.</summary>
    public bool HasLock { get; private init; }

    /// <summary>Whether it is known where the queue is: its window says what is done.</summary>
    public bool IsPositioned { get; private init; }

    /// <summary>Whether somebody wants the queue to pause.</summary>
    public bool IsPauseWanted { get; private init; }

    /// <summary>Whether the fence is closed.</summary>
    public bool IsFenceClosed { get; private init; }

    /// <summary>Whether the fence has been closed since the store last showed that nobody else has gone on with the queue.</summary>
    public bool IsInDoubt { get; private init; }

    /// <summary>Whether an attempt has failed and the next one is not due yet.</summary>
    public bool IsBackingOff { get; private init; }

    /// <summary>Whether attempts have failed too often, and nobody has said yet that the queue is to try again.</summary>
    public bool IsHalted { get; private init; }

    /// <summary>Where the queue is on its way to; null when it is not.</summary>
    public QueueMove? Move { get; private init; }

    /// <summary>How many moves there have been.</summary>
    public int Moves { get; private init; }

    public bool IsStopping { get; private init; }

    public bool IsStopped { get; private init; }

    /// <summary>A queue that has just come.</summary>
    public static QueueState New(bool needsLock) => new() { NeedsLock = needsLock, HasLock = !needsLock };

    /// <summary>What the queue is in: of all that keeps it from being pulled, what has to be over first.</summary>
    public QueuePhase Phase
        => IsStopped ? QueuePhase.Stopped
        : IsStopping ? QueuePhase.Stopping
        : !HasLock ? QueuePhase.AwaitingLock
        : IsFenceClosed ? QueuePhase.Fenced
        : IsBackingOff ? QueuePhase.BackingOff
        : IsInDoubt ? QueuePhase.Verifying
        : Move is not null ? QueuePhase.Draining
        : IsHalted ? QueuePhase.Halted
        : !IsPositioned ? QueuePhase.Positioning
        : IsPauseWanted ? QueuePhase.Paused
        : QueuePhase.Running;

    /// <summary>What the queue's loop does now.</summary>
    public QueueTask Task => Phase switch
    {
        QueuePhase.AwaitingLock => QueueTask.WaitForLock,
        QueuePhase.Positioning => QueueTask.FindOffset,
        QueuePhase.Running => QueueTask.Pull,
        QueuePhase.Paused => QueueTask.WaitForResume,
        QueuePhase.Fenced => QueueTask.WaitForFence,
        QueuePhase.Verifying => QueueTask.CompareWithStore,
        QueuePhase.Draining => Move!.IsStored ? QueueTask.WaitForListeners : QueueTask.StoreOffset,
        QueuePhase.BackingOff => QueueTask.WaitForRetry,
        QueuePhase.Halted => QueueTask.WaitForRecovery,
        QueuePhase.Stopping => QueueTask.Leave,
        _ => QueueTask.Nothing,
    };

    /// <summary>Whether messages may go to listeners.</summary>
    public bool MayHandOut => HasLock && IsPositioned && Move is not { IsStored: true } && !IsPauseWanted && IsCertain && !IsStopping;

    /// <summary>Whether nothing speaks against this member working on the queue, as far as the fence knows.</summary>
    public bool IsCertain => !IsFenceClosed && !IsInDoubt;

    /// <summary>Whether the store may be told where the queue goes on.</summary>
    public bool MayStore => HasLock && IsCertain && !IsStopped;

    /// <summary>
    /// What may be told to the store of a queue whose window is at <paramref name="watermark"/>; -1 for nothing. A queue on
    /// its way to another offset tells that one only: how far it was before would undo the move.
    /// </summary>
    public long Committable(long watermark)
        => !MayStore ? -1
        : Move is { } move ? (move is { IsStored: true, Reason: not MoveReason.Overtaken } ? move.Offset : -1)
        : IsPositioned ? watermark : -1;
}
