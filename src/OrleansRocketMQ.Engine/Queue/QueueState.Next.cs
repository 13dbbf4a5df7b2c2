namespace OrleansRocketMQ.Engine.Queue;

internal sealed partial record QueueState
{
    /// <summary>What an event does to the queue. Every state has an answer to every event; most change nothing.</summary>
    public QueueTransition Next(QueueEvent happened)
    {
        if (IsStopped || (IsStopping && !CountsAtTheEnd(happened.Kind)))
        {
            return new(this, happened.Kind == QueueEventKind.SeekAsked ? QueueActions.RefuseSeek : QueueActions.None);
        }

        var (next, actions) = happened.Kind switch
        {
            QueueEventKind.LockGained => To(this with { HasLock = true, IsBackingOff = IsBackingOff && HasLock }),
            QueueEventKind.LockLost => LockLost(),
            QueueEventKind.Positioned => HasLock ? To(this with { IsPositioned = true, IsInDoubt = IsInDoubt || IsFenceClosed }) : To(this),
            QueueEventKind.FenceClosed => To(this with
            {
                IsFenceClosed = true,
                IsInDoubt = IsInDoubt || IsPositioned || Move is { Step: not MoveStep.Asked },
                IsBackingOff = false,
            }),
            QueueEventKind.FenceOpened => To(this with { IsFenceClosed = false }),
            QueueEventKind.Verified => To(IsFenceClosed ? this : this with { IsInDoubt = false }),
            QueueEventKind.Overtaken => Overtaken(happened.Offset),
            QueueEventKind.Paused => To(this with { IsPauseWanted = true }),
            QueueEventKind.Resumed => To(this with { IsPauseWanted = false }),
            QueueEventKind.SeekAsked => Seek(happened.Offset),
            QueueEventKind.SeekWithdrawn => Withdraw(happened.Move),
            QueueEventKind.BrokerReset => Reset(happened.Offset),
            QueueEventKind.StoreBegun => BeginStore(happened.Move),
            QueueEventKind.OffsetStored => Stored(happened.Move),
            QueueEventKind.ListenersDone => Arrive(happened.Move),
            QueueEventKind.AttemptFailed or QueueEventKind.FailedTooOften when IsStopping => GiveUpSeek(),
            QueueEventKind.AttemptFailed => To(this with { IsBackingOff = true }),
            // Whoever waits for a move is to get it, or to withdraw it.
            QueueEventKind.FailedTooOften => To(
                Move is null && !IsInDoubt ? this with { IsHalted = true, IsBackingOff = false } : this with { IsBackingOff = true }),
            QueueEventKind.RetryDue => To(this with { IsBackingOff = false }),
            QueueEventKind.Recovered => To(this with { IsBackingOff = false, IsHalted = false }),
            QueueEventKind.Stop => Stop(),
            QueueEventKind.Ended => IsStopping ? End() : To(this),
            _ => To(this),
        };

        if (MayAwaitPull && !next.MayAwaitPull)
        {
            actions |= QueueActions.BreakOffPull;
        }

        if (!MayHandOut && next.MayHandOut)
        {
            actions |= QueueActions.OpenHandOut;
        }

        return new(next == this ? this : next, actions);
    }

    // One that is under way when the queue is paused is let be: its answer may be the only word of a reset.
    private bool MayAwaitPull => Task is QueueTask.Pull or QueueTask.WaitForResume;

    // A queue that ends heeds what the store must or must not be told.
    private static bool CountsAtTheEnd(QueueEventKind kind) => kind is QueueEventKind.Ended or QueueEventKind.BrokerReset
        or QueueEventKind.StoreBegun or QueueEventKind.OffsetStored or QueueEventKind.LockLost or QueueEventKind.FenceClosed
        or QueueEventKind.AttemptFailed or QueueEventKind.FailedTooOften;

    private static (QueueState Next, QueueActions Actions) To(QueueState next, QueueActions actions = QueueActions.None) => (next, actions);

    /// <summary>
    /// Another member may go on with the queue. What the store has holds; what it does not have yet is still to be stored.
    /// </summary>
    private (QueueState Next, QueueActions Actions) LockLost()
    {
        if (!NeedsLock || !HasLock)
        {
            return To(this);
        }

        var lost = this with { HasLock = false, IsPositioned = false, IsInDoubt = false, IsBackingOff = false };
        return Move is { IsStored: true } ? To(lost with { Move = null }, CompletesSeek) : To(lost);
    }

    /// <summary>
    /// A move that is still to be stored says where the queue goes on, whoever else had it. Should it be withdrawn, the store
    /// does.
    /// </summary>
    private (QueueState Next, QueueActions Actions) Overtaken(long offset)
    {
        if (IsFenceClosed || !IsInDoubt)
        {
            return To(this);
        }

        var certain = this with { IsInDoubt = false };
        return Move is { IsStored: false }
            ? To(certain with { IsPositioned = false })
            : To(certain.MoveTo(MoveReason.Overtaken, offset, MoveStep.Stored), CompletesSeek);
    }

    /// <summary>The last one who asks is right. A queue that waits after failures goes there without waiting.</summary>
    private (QueueState Next, QueueActions Actions) Seek(long offset)
        => To((this with { IsBackingOff = false, IsHalted = false }).MoveTo(MoveReason.Seek, offset), CompletesSeek);

    /// <summary>Nobody waits for the seek any more. Once the store may know of it, it holds all the same.</summary>
    private (QueueState Next, QueueActions Actions) Withdraw(int move)
        => Move is { Reason: MoveReason.Seek, Step: MoveStep.Asked } && Move.Number == move
            ? To(this with { Move = null }, QueueActions.CancelSeek)
            : To(this);

    /// <summary>
    /// The broker says so once, so it counts in whatever state the queue has come to meanwhile. Only for one who wants another
    /// offset: his seek is newer than the pull that was answered.
    /// </summary>
    private (QueueState Next, QueueActions Actions) Reset(long offset)
        => Move is { Reason: MoveReason.Seek } ? To(this) : To(MoveTo(MoveReason.Reset, offset));

    private (QueueState Next, QueueActions Actions) BeginStore(int move)
        => Move is { Step: MoveStep.Asked } && Move.Number == move && MayStore
            ? To(this with { Move = Move with { Step = MoveStep.Storing } })
            : To(this);

    /// <summary>Without the lock another member may have gone on from there already: where the queue is then is to be asked.</summary>
    private (QueueState Next, QueueActions Actions) Stored(int move)
        => Move is not { Step: MoveStep.Storing } || Move.Number != move ? To(this)
        : HasLock ? To(
            this with { Move = Move with { Step = MoveStep.Stored }, IsInDoubt = IsInDoubt || IsFenceClosed },
            IsStopping ? CompletesSeek : QueueActions.None)
        : To(this with { Move = null, IsInDoubt = false }, CompletesSeek);

    private (QueueState Next, QueueActions Actions) Arrive(int move)
        => Move is { IsStored: true } && Move.Number == move && HasLock
            ? To(this with { Move = null, IsPositioned = true }, CompletesSeek)
            : To(this);

    /// <summary>
    /// A seek that the store does not know of is not this queue's any more: whoever asked may ask its next owner. One that is
    /// being stored holds if the store takes it, as the queue goes on there then. What the broker demands is stored at the end.
    /// </summary>
    private (QueueState Next, QueueActions Actions) Stop()
    {
        var stopping = this with { IsStopping = true, IsBackingOff = false, IsHalted = false };
        return Move switch
        {
            { Reason: MoveReason.Seek, Step: MoveStep.Asked } => To(
                stopping with { Move = null }, QueueActions.CloseHandOut | QueueActions.CancelSeek),
            { Reason: MoveReason.Seek, Step: MoveStep.Storing } => To(stopping, QueueActions.CloseHandOut),
            _ => To(stopping, QueueActions.CloseHandOut | CompletesSeek),
        };
    }

    /// <summary>The store has not said yes to a seek, and nobody asks it again: it is told once more how far the queue is.</summary>
    private (QueueState Next, QueueActions Actions) GiveUpSeek()
        => Move is { Reason: MoveReason.Seek, IsStored: false } ? To(this with { Move = null }, QueueActions.CancelSeek) : To(this);

    private (QueueState Next, QueueActions Actions) End()
    {
        var (ended, actions) = GiveUpSeek();
        return To(ended with { IsStopped = true }, actions);
    }

    private QueueActions CompletesSeek => Move is { Reason: MoveReason.Seek } ? QueueActions.CompleteSeek : QueueActions.None;

    /// <summary>
    /// Where the queue was, and what is done there, counts no more once the store may know of another move; how far another
    /// member came does not change what is done here.
    /// </summary>
    private QueueState MoveTo(MoveReason reason, long offset, MoveStep step = MoveStep.Asked) => this with
    {
        Move = new QueueMove(reason, offset, Moves + 1, step),
        Moves = Moves + 1,
        IsPositioned = IsPositioned
            && (Move is null or { Step: MoveStep.Asked } || (Move.Reason == MoveReason.Overtaken && reason == MoveReason.Overtaken)),
    };
}
