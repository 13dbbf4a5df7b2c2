using OrleansRocketMQ.Engine.Ports;

namespace OrleansRocketMQ.Engine.Locks;

/// <summary>
/// The time in which a queue may be pulled and worked on here: mostly from its start to its stop; where the queue must be
/// locked at its broker, as long as the lock is held without a break. Immutable.
/// </summary>
internal sealed class QueueLease : IOwnership
{
    private readonly QueueLockLease? _hold;
    private readonly bool _begun;

    private QueueLease(int number, bool begun, QueueLockLease? hold, CancellationToken pulling, CancellationToken listening)
    {
        Number = number;
        _begun = begun;
        _hold = hold;
        Pulling = pulling;
        Listening = listening;
    }

    /// <summary>Counts the leases of a queue since it started here.</summary>
    public int Number { get; }

    /// <summary>Whether the queue is one that must be locked, and is.</summary>
    public bool IsLocked => _hold is not null;

    /// <summary>Whether the queue may be worked on, and what was done may be committed.</summary>
    public bool IsValid => _begun && _hold is not { IsValid: false };

    /// <summary>Fires when nothing may be pulled any more.</summary>
    public CancellationToken Pulling { get; }

    /// <summary>What listeners get: fires when their result does not count any more.</summary>
    public CancellationToken Listening { get; }

    /// <summary>Of a queue that needs no lock.</summary>
    public static QueueLease WithoutLock(CancellationToken stopping, CancellationToken abandoned)
        => new(0, begun: true, hold: null, stopping, abandoned);

    /// <summary>Of a queue whose lock is still to come.</summary>
    public static QueueLease BeforeLock(CancellationToken stopping, CancellationToken abandoned)
        => new(0, begun: false, hold: null, stopping, abandoned);

    /// <summary>The next one of a queue, with the lock just taken.</summary>
    // The linked sources live as long as the queue does; there is one more of them only after a lost lock.
    public QueueLease Next(QueueLockLease hold, CancellationToken stopping, CancellationToken abandoned) => new(
        Number + 1,
        begun: true,
        hold,
        CancellationTokenSource.CreateLinkedTokenSource(stopping, hold.Lost).Token,
        CancellationTokenSource.CreateLinkedTokenSource(abandoned, hold.Lost).Token);
}
