namespace OrleansRocketMQ.Engine.Queue;

/// <summary>What the loop of a queue does as long as the queue's state stays the same.</summary>
internal enum QueueTask
{
    /// <summary>Forgets what was pulled and told, and waits for the lock: another member may have it.</summary>
    WaitForLock,

    /// <summary>Finds out where the queue begins.</summary>
    FindOffset,

    /// <summary>Pulls, as soon as there is room.</summary>
    Pull,

    /// <summary>Waits until the queue is resumed.</summary>
    WaitForResume,

    /// <summary>Waits until the fence opens.</summary>
    WaitForFence,

    /// <summary>Looks whether another member has gone on with the queue.</summary>
    CompareWithStore,

    /// <summary>Stores where the queue goes on.</summary>
    StoreOffset,

    /// <summary>Drops what no listener has, hands nothing out any more, and waits until listeners are done with what they have.</summary>
    WaitForListeners,

    /// <summary>Waits until the next attempt is due.</summary>
    WaitForRetry,

    /// <summary>Waits until somebody says that the queue is to try again.</summary>
    WaitForRecovery,

    /// <summary>Ends: what listeners have is waited for within the budget, then the last offset is told.</summary>
    Leave,

    /// <summary>Nothing any more.</summary>
    Nothing,
}

/// <summary>What is to be done once because of an event.</summary>
[Flags]
internal enum QueueActions
{
    None = 0,

    /// <summary>The pull under way is given up.</summary>
    BreakOffPull = 1,

    /// <summary>Whoever asked for the seek that was under way is told that it holds, or that a later one has taken its place.</summary>
    CompleteSeek = 2,

    /// <summary>Whoever asked for the seek that was under way is told that the queue has not gone there.</summary>
    CancelSeek = 4,

    /// <summary>Whoever asks for a seek now is told that the queue does not run here any more.</summary>
    RefuseSeek = 8,

    /// <summary>No listener gets another message.</summary>
    CloseHandOut = 16,

    /// <summary>Messages may be handed out that could not be before.</summary>
    OpenHandOut = 32,
}

/// <summary>What an event does to a queue.</summary>
/// <param name="State">The queue's state after it.</param>
/// <param name="Actions">What is to be done once.</param>
internal readonly record struct QueueTransition(QueueState State, QueueActions Actions);
