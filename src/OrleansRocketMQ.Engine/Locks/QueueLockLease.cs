using OrleansRocketMQ.Engine.Scheduling;

namespace OrleansRocketMQ.Engine.Locks;

/// <summary>
/// One unbroken possession of a queue's lock: from the broker's yes until the lock is refused, given back, or was not
/// renewed in time. What once is over never comes back; the next yes begins another possession. Thread-safe.
/// </summary>
internal sealed class QueueLockLease
{
    private readonly CancellationTokenSource _lost = new();
    private readonly TimeSpan _expiry;
    private readonly EngineRuntime _runtime;
    private readonly ITimer _timer;
    private long _askedAt;
    private int _over;

    /// <param name="expiry">How long the lock counts without a renewal.</param>
    /// <param name="askedAt">When the request was sent the broker said yes to: its own clock cannot have begun before.</param>
    /// <param name="runtime">The clock.</param>
    public QueueLockLease(TimeSpan expiry, long askedAt, EngineRuntime runtime)
    {
        _expiry = expiry;
        _runtime = runtime;
        _askedAt = askedAt;
        Lost = _lost.Token;
        _timer = runtime.Time.CreateTimer(static hold => ((QueueLockLease)hold!).Check(), this, Positive(Left), Timeout.InfiniteTimeSpan);
    }

    /// <summary>Whether the queue may be worked on. Also says no when time is over but its timer has not fired yet.</summary>
    public bool IsValid => Volatile.Read(ref _over) == 0 && Left > TimeSpan.Zero;

    /// <summary>Fires when the possession is over.</summary>
    public CancellationToken Lost { get; }

    private TimeSpan Left => _expiry - _runtime.Time.GetElapsedTime(Volatile.Read(ref _askedAt));

    public void Renew(long askedAt) => Volatile.Write(ref _askedAt, askedAt);

    /// <summary>The possession is over. Safe to call more than once.</summary>
    public void End()
    {
        if (Interlocked.Exchange(ref _over, 1) == 0)
        {
            _timer.Dispose();
            _runtime.Scheduler.Cancel(_lost);
        }
    }

    private void Check()
    {
        if (Left <= TimeSpan.Zero)
        {
            End();
            return;
        }

        try
        {
            // Renewed meanwhile.
            _timer.Change(Positive(Left), Timeout.InfiniteTimeSpan);
        }
        catch (ObjectDisposedException)
        {
            // Over meanwhile.
        }
    }

    private static TimeSpan Positive(TimeSpan time) => time > TimeSpan.FromMilliseconds(1) ? time : TimeSpan.FromMilliseconds(1);
}
