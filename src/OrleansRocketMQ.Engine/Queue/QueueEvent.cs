namespace OrleansRocketMQ.Engine.Queue;

/// <summary>What can happen to a queue.</summary>
internal enum QueueEventKind
{
    /// <summary>The broker has granted the queue's lock.</summary>
    LockGained,

    /// <summary>The queue's lock is over: refused, or not renewed in time.</summary>
    LockLost,

    /// <summary>It is known at which offset the queue begins, and its window begins there.</summary>
    Positioned,

    /// <summary>It is in doubt whether this member's queues are still its own.</summary>
    FenceClosed,

    /// <summary>It is certain again that this member is one of the cluster.</summary>
    FenceOpened,

    /// <summary>The store shows that nobody else went on with the queue while the fence was closed.</summary>
    Verified,

    /// <summary>The store shows that another member went on with the queue, up to <see cref="QueueEvent.Offset"/>.</summary>
    Overtaken,

    /// <summary>Somebody wants the queue to pause.</summary>
    Paused,

    /// <summary>Nobody wants the queue to pause any more.</summary>
    Resumed,

    /// <summary>Somebody wants the queue to go on at <see cref="QueueEvent.Offset"/>.</summary>
    SeekAsked,

    /// <summary>Whoever asked for the seek <see cref="QueueEvent.Move"/> does not wait for it any more.</summary>
    SeekWithdrawn,

    /// <summary>The broker says that the queue must go on at <see cref="QueueEvent.Offset"/>. It says so once.</summary>
    BrokerReset,

    /// <summary>The store is about to be told of the move <see cref="QueueEvent.Move"/>.</summary>
    StoreBegun,

    /// <summary>The store has the offset of the move <see cref="QueueEvent.Move"/>.</summary>
    OffsetStored,

    /// <summary>
    /// No listener works on a message from before the move <see cref="QueueEvent.Move"/>, and the queue's window begins at
    /// its offset.
    /// </summary>
    ListenersDone,

    /// <summary>A pull, or what has to come before it, has failed and is to be tried again after a while.</summary>
    AttemptFailed,

    /// <summary>Attempts have failed too often, and nothing is to be tried again before somebody says so.</summary>
    FailedTooOften,

    /// <summary>The next attempt is due.</summary>
    RetryDue,

    /// <summary>Somebody says that the queue is to try again.</summary>
    Recovered,

    /// <summary>The queue is to end here.</summary>
    Stop,

    /// <summary>The queue's last offset is told, as far as that could be done.</summary>
    Ended,
}

/// <summary>Something that has happened to a queue.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Offset">The offset it is about, if it is about one.</param>
/// <param name="Move">The number of the move it is about, if it is about one; see <see cref="QueueMove.Number"/>.</param>
internal readonly record struct QueueEvent(QueueEventKind Kind, long Offset = -1, int Move = 0)
{
    public static implicit operator QueueEvent(QueueEventKind kind) => new(kind);

    public static QueueEvent SeekAsked(long offset) => new(QueueEventKind.SeekAsked, offset);

    public static QueueEvent SeekWithdrawn(int move) => new(QueueEventKind.SeekWithdrawn, Move: move);

    public static QueueEvent BrokerReset(long offset) => new(QueueEventKind.BrokerReset, offset);

    public static QueueEvent Overtaken(long offset) => new(QueueEventKind.Overtaken, offset);

    public static QueueEvent StoreBegun(int move) => new(QueueEventKind.StoreBegun, Move: move);

    public static QueueEvent OffsetStored(int move) => new(QueueEventKind.OffsetStored, Move: move);

    public static QueueEvent ListenersDone(int move) => new(QueueEventKind.ListenersDone, Move: move);
}
