using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Window;

namespace OrleansRocketMQ.Engine.Dispatch.KeyOrdered;

/// <summary>
/// One queue whose messages are consumed in the order of their keys: what it has pulled is sorted into lanes when somebody
/// asks for work. The lanes are an order, no owner: messages in them are the window's until they are leased. Thread-safe.
/// </summary>
internal sealed class KeyOrderedQueue
{
    private const int TakenInAtOnce = 64;

    private readonly Lock _gate = new();
    private readonly KeyQueues _lanes;
    private readonly KeyGathering _gathering;
    private readonly MessageExt[] _takenIn = new MessageExt[TakenInAtOnce];
    private ProcessQueue _window;
    private bool _closed;

    public KeyOrderedQueue(IDispatchedQueue pump, Func<MessageExt, string?>? keySelector, Func<int> mostIdle, KeyGathering gathering)
    {
        Pump = pump;
        _gathering = gathering;
        _lanes = new(keySelector, mostIdle, pump.Runs.Rule);
        _window = pump.Runs.Window;
        pump.Runs.Restarted += BeginAnew;
    }

    public IDispatchedQueue Pump { get; }

    private DispatchBuffer Runs => Pump.Runs;

    /// <summary>Whether <see cref="Take"/> may find something.</summary>
    /// <param name="enough">How many messages of a key are worth a call.</param>
    public bool HasWork(int enough)
    {
        lock (_gate)
        {
            return HasWorkLocked(enough);
        }
    }

    /// <summary>See <see cref="KeyQueues.Take"/>. Nothing is handed out once the queue's stop can be seen.</summary>
    /// <param name="most">Messages to take at most.</param>
    /// <param name="enough">How many messages of a key are worth a call.</param>
    /// <param name="messages">Those that are leased.</param>
    public KeyQueue? Take(int most, int enough, out MessageExt[] messages)
    {
        lock (_gate)
        {
            messages = [];
            if (_closed)
            {
                return null;
            }

            TakeIn();
            return Gathers(enough) ? null : _lanes.Take(Runs.MostOf(most), out messages, Runs.MostBytes);
        }
    }

    /// <summary>When the first key is due whose messages gather to a batch, as a time stamp of the clock; null when none do.</summary>
    public long? BatchDue
    {
        get
        {
            lock (_gate)
            {
                return _lanes.Due;
            }
        }
    }

    /// <summary>Whether messages gather and nobody looks after the end of that; then the caller has to.</summary>
    public bool TryWatchGathering()
    {
        lock (_gate)
        {
            return _gathering.TryWatch();
        }
    }

    /// <summary>See <see cref="KeyGathering.Left"/>.</summary>
    public TimeSpan? GatheringLeft()
    {
        lock (_gate)
        {
            return _gathering.Left(Pump.IsBehind);
        }
    }

    /// <summary>The first messages of a lane that was taken are done, and the lane is given back.</summary>
    /// <returns>See <see cref="HasWork"/>.</returns>
    public bool End(KeyQueue lane, int done, int enough)
    {
        bool hasWork;
        lock (_gate)
        {
            _lanes.Complete(lane, done);
            GiveBackLocked(lane, blocked: false, error: null);
            hasWork = HasWorkLocked(enough);
        }

        Pump.OnProgress();
        return hasWork;
    }

    /// <summary>The first messages of a lane that was taken are done.</summary>
    public void Complete(KeyQueue lane, int count)
    {
        lock (_gate)
        {
            _lanes.Complete(lane, count);
        }

        Pump.OnProgress();
    }

    /// <summary>Gives a lane back; what is left in it may be consumed.</summary>
    public void Release(KeyQueue lane) => GiveBack(lane, blocked: false, error: null);

    /// <summary>
    /// Gives a lane back whose first message must wait; false when the queue stops and nothing will be consumed any more.
    /// </summary>
    public bool Block(KeyQueue lane, string? error) => GiveBack(lane, blocked: true, error);

    /// <summary>Whether a lane that was taken has not been given back since; nobody else can take it then.</summary>
    public bool IsTaken(KeyQueue lane, long turn)
    {
        lock (_gate)
        {
            return lane.State == KeyQueueState.Running && lane.Turn == turn;
        }
    }

    /// <inheritdoc cref="KeyQueues.Unblock"/>
    public void Unblock(KeyQueue lane, long turn)
    {
        lock (_gate)
        {
            _lanes.Unblock(lane, turn);
        }
    }

    /// <summary>Hands nothing out any more.</summary>
    public void Close()
    {
        Runs.Restarted -= BeginAnew;
        lock (_gate)
        {
            _closed = true;
            _lanes.Forget();
        }

        Pump.OnProgress();
    }

    /// <summary>Messages listeners work on.</summary>
    public int InFlight
    {
        get
        {
            lock (_gate)
            {
                return _lanes.InFlight;
            }
        }
    }

    public QueueSnapshot Describe(QueueSnapshot snapshot)
    {
        lock (_gate)
        {
            var first = _lanes.Blocked.FirstOrDefault();
            return snapshot with
            {
                InFlight = _lanes.InFlight,
                Keys = new KeyOrderedSnapshot(
                    _lanes.Blocked.Count(lane => lane.Key is not null),
                    _lanes.Blocked.Sum(lane => lane.Count),
                    first?.Key ?? string.Empty,
                    first?.Failures ?? 0,
                    first?.Error ?? string.Empty),
            };
        }
    }

    private bool GiveBack(KeyQueue lane, bool blocked, string? error)
    {
        lock (_gate)
        {
            GiveBackLocked(lane, blocked, error);
        }

        Pump.OnProgress();
        return !_closed;
    }

    private void GiveBackLocked(KeyQueue lane, bool blocked, string? error)
    {
        if (blocked)
        {
            _lanes.Block(lane, error);
        }
        else
        {
            _lanes.Release(lane);
        }

        if (_closed)
        {
            _lanes.Forget();
        }
    }

    private bool HasWorkLocked(int enough)
    {
        if (_closed || !Runs.MayLease)
        {
            return false;
        }

        TakeIn();
        return _lanes.HasReady && !Gathers(enough);
    }

    private bool Gathers(int enough)
        => enough > 1 && Runs.Rule is null && _gathering.Holds(_lanes.Next, _window.Count - _lanes.InFlight, enough, Pump.IsBehind);

    /// <summary>The queue has begun anew somewhere else: what it had before is nobody's any more.</summary>
    private void BeginAnew()
    {
        lock (_gate)
        {
            Follow();
        }
    }

    private void Follow()
    {
        if (Runs.Window is var window && !ReferenceEquals(window, _window))
        {
            _window = window;
            _lanes.Forget();
        }
    }

    /// <summary>Sorts what has come.</summary>
    private void TakeIn()
    {
        Follow();
        while (_window.TakeAside(_takenIn) is { IsEmpty: false } range)
        {
            _lanes.Add(range);
            Array.Clear(_takenIn, 0, range.Messages.Count);
        }

        _lanes.TakeInDue(isFull: Runs.Rule is { } rule && _window.Count >= rule.MostHeld);
    }
}
