using OrleansRocketMQ.Engine.Scheduling;

namespace OrleansRocketMQ.Engine.Locks;

/// <summary>A queue this silo wants locked at its broker for as long as the queue runs here. Thread-safe.</summary>
internal sealed class QueueLock(MessageQueue queue, TimeSpan interval, TimeSpan expiry, EngineRuntime runtime)
{
    // A member that gives a queue up needs moments; one that does not must not be hammered at.
    private static readonly TimeSpan FirstRetry = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan MostRetry = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private readonly HashSet<string> _freedFrom = new(StringComparer.Ordinal);
    private TaskCompletionSource<QueueLockLease> _granted = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private QueueLockLease? _hold;
    private long? _lastAsked;
    private TimeSpan _nextAfter;
    private long _heldOffAt;
    private TimeSpan _heldOff;
    private int _failures;
    private bool _released;

    public MessageQueue Queue { get; } = queue;

    public bool IsHeld => Volatile.Read(ref _hold) is { IsValid: true };

    /// <summary>Why the broker could not be asked the last time; null when it could.</summary>
    public Exception? Failure { get; private set; }

    /// <summary>How often in a row the lock could not be had.</summary>
    public int Failures => Volatile.Read(ref _failures);

    /// <summary>How long until the broker is to be asked again; zero or less: now.</summary>
    public TimeSpan DueIn
    {
        get
        {
            lock (_gate)
            {
                var next = _lastAsked is { } asked ? _nextAfter - runtime.Time.GetElapsedTime(asked) : TimeSpan.Zero;
                var heldOff = _heldOff > TimeSpan.Zero ? _heldOff - runtime.Time.GetElapsedTime(_heldOffAt) : TimeSpan.Zero;
                return next > heldOff ? next : heldOff;
            }
        }
    }

    /// <summary>Waits until the lock is this silo's.</summary>
    public async Task<QueueLockLease> WaitAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            Task<QueueLockLease> granted;
            lock (_gate)
            {
                if (_hold is { IsValid: true } hold)
                {
                    return hold;
                }

                if (_granted.Task.IsCompleted)
                {
                    _granted = new(TaskCreationOptions.RunContinuationsAsynchronously);
                }

                granted = _granted.Task;
            }

            await Waits.OrCancelAsync(granted, cancellationToken);
        }
    }

    /// <summary>The broker has said yes to a request sent at that time.</summary>
    public void Grant(long askedAt)
    {
        lock (_gate)
        {
            if (_released)
            {
                return;
            }

            _failures = 0;
            Failure = null;
            _freedFrom.Clear();
            _heldOff = TimeSpan.Zero;
            Next(askedAt, interval);
            if (_hold is { IsValid: true })
            {
                _hold.Renew(askedAt);
                return;
            }

            _hold?.End();
            _hold = new QueueLockLease(expiry, askedAt, runtime);
            _granted.TrySetResult(_hold);
        }
    }

    /// <summary>Another member has the lock.</summary>
    /// <returns>Whether it was this silo's until now.</returns>
    public bool Refuse(long askedAt)
    {
        lock (_gate)
        {
            var was = IsHeld;
            _hold?.End();
            _hold = null;
            FailLocked(askedAt, null);
            return was;
        }
    }

    /// <summary>The broker could not be asked. What is held stays held until it expires.</summary>
    public void Fail(long askedAt, Exception failure)
    {
        lock (_gate)
        {
            FailLocked(askedAt, failure);
        }
    }

    /// <summary>Whether the lock has been taken away from a member that is dead since this silo had it last.</summary>
    public bool IsFreedFrom(string clientId)
    {
        lock (_gate)
        {
            return _freedFrom.Contains(clientId);
        }
    }

    /// <summary>The lock has been taken away from a member that is dead.</summary>
    public void NoteFreedFrom(string clientId)
    {
        lock (_gate)
        {
            _freedFrom.Add(clientId);
        }
    }

    /// <summary>Not to be asked for before so much time is over.</summary>
    public void HoldOff(TimeSpan wait)
    {
        lock (_gate)
        {
            (_heldOffAt, _heldOff) = (runtime.Time.GetTimestamp(), wait);
        }
    }

    /// <summary>To be asked for again at once.</summary>
    public void AskSoon()
    {
        lock (_gate)
        {
            _nextAfter = TimeSpan.Zero;
        }
    }

    /// <summary>The queue does not run here any more.</summary>
    public void Release()
    {
        lock (_gate)
        {
            _released = true;
            _hold?.End();
        }
    }

    private void FailLocked(long askedAt, Exception? failure)
    {
        Failure = failure;
        _failures++;
        Next(askedAt, runtime.BackOff(_failures, FirstRetry, MostRetry));
    }

    private void Next(long askedAt, TimeSpan after)
    {
        _lastAsked = askedAt;
        _nextAfter = after;
    }
}
