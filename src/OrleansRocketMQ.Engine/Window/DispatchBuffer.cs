using OrleansRocketMQ.Engine.Flow;

namespace OrleansRocketMQ.Engine.Window;

/// <summary>
/// What a queue has for listeners: its present window, behind its gate. Also sees to it that the queue stands in the
/// dispatcher's line at most once. Thread-safe.
/// </summary>
internal sealed class DispatchBuffer
{
    private readonly Lock _lock = new();
    private readonly bool _byPriority;
    // Former windows of which listeners still have messages; null when there are none, as usually.
    private volatile List<ProcessQueue>? _former;
    private volatile ProcessQueue _window;
    private bool _closed;
    private int _inLine;
    private long _watched = long.MaxValue;

    public DispatchBuffer(ProcessQueue window, DispatchGate? gate = null, BatchRule? rule = null, bool byPriority = false)
    {
        Gate = gate ?? new DispatchGate();
        Rule = rule;
        _byPriority = byPriority;
        _window = window;
        window.Open(Gate, closed: false, rule, byPriority);
    }

    /// <summary>Another window has taken the place of the one before, whose messages count no more.</summary>
    public event Action? Restarted;

    /// <summary>Whether, and how many, messages may be handed out now.</summary>
    public DispatchGate Gate { get; }

    /// <summary>When batches end; null when they do not gather.</summary>
    public BatchRule? Rule { get; }

    /// <summary>See <see cref="ProcessQueue.Due"/>.</summary>
    public long? Due => _window.Due;

    /// <summary>What messages that are handed out together may be in a grain call.</summary>
    public long MostBytes { get; init; } = long.MaxValue;

    /// <summary>The window new messages go to.</summary>
    public ProcessQueue Window => _window;

    /// <summary>Messages nobody works on and that may be leased now, without those that a dispatcher has set aside.</summary>
    public int Waiting => _window.Waiting is > 0 and var waiting && Gate.IsOpen ? waiting : 0;

    /// <summary>See <see cref="ProcessQueue.HighestPriority"/>.</summary>
    public int HighestPriority => _window.HighestPriority;

    /// <summary>Whether a message that is set aside may be leased now.</summary>
    public bool MayLease => _window.IsOpen && Gate.IsOpen;

    /// <summary>Messages that are leased, those of former windows too: listeners have them all the same.</summary>
    public int InFlight => _window.InFlight + (_former is null ? 0 : InFlightOfFormer());

    /// <summary>Claims the queue's place in the dispatcher's line; false when it stands there already.</summary>
    public bool TryEnterLine() => Interlocked.Exchange(ref _inLine, 1) == 0;

    /// <summary>Gives the place up. The caller looks once more whether messages came in meanwhile.</summary>
    // With a full fence: what the caller reads next must not be older than the place is free.
    public void LeaveLine() => Interlocked.Exchange(ref _inLine, 0);

    /// <summary>
    /// Leases at most that many messages; empty when there are none, or none may be leased. Where batches gather, one batch.
    /// </summary>
    public ProcessQueueRange Lease(int most) => _window.Lease(MostOf(most), MostBytes);

    /// <summary>How many messages are handed out together that could be so many: where batches gather, those of one.</summary>
    public int MostOf(int most) => Rule is null ? most : Math.Min(most, Rule.Messages);

    /// <summary>Whether somebody must look at the queue at that time, and does so from now on; false when somebody does before.</summary>
    public bool TryWatch(long due)
    {
        for (var watched = Volatile.Read(ref _watched); due < watched;)
        {
            var found = Interlocked.CompareExchange(ref _watched, due, watched);
            if (found == watched)
            {
                return true;
            }

            watched = found;
        }

        return false;
    }

    /// <summary>The time has come.</summary>
    public void EndWatch(long due) => Interlocked.CompareExchange(ref _watched, long.MaxValue, due);

    /// <summary>
    /// Begins a new window. What is leased still ends in the old one; all else of that is dropped, wherever a dispatcher has it.
    /// </summary>
    /// <param name="window">The new window.</param>
    /// <param name="skips">See <see cref="ProcessQueue.Retire"/>.</param>
    public void Restart(ProcessQueue window, bool skips = false)
    {
        lock (_lock)
        {
            _window.Retire(skips);
            (_former ??= []).Add(_window);
            ForgetThrough();
            window.Open(Gate, _closed, Rule, _byPriority);
            _window = window;
        }

        Restarted?.Invoke();
    }

    /// <summary>Forgets the messages that were never handed out; they count as not pulled.</summary>
    public void DropWaiting(bool skips = false) => _window.DropWaiting(skips);

    /// <summary>Nothing is leased until the next window begins.</summary>
    public void Hold()
    {
        lock (_lock)
        {
            _window.Hold();
        }
    }

    /// <summary>Nothing is leased from now on.</summary>
    public void Close()
    {
        lock (_lock)
        {
            _closed = true;
            _window.Close();
        }
    }

    private int InFlightOfFormer()
    {
        lock (_lock)
        {
            ForgetThrough();
            return _former?.Sum(static window => window.InFlight) ?? 0;
        }
    }

    // Nothing is leased of a former window any more: one that is through stays so.
    private void ForgetThrough()
    {
        if (_former?.RemoveAll(static window => window.InFlight == 0) > 0 && _former.Count == 0)
        {
            _former = null;
        }
    }
}
