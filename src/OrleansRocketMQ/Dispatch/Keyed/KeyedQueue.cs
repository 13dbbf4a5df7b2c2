using OrleansRocketMQ.Queues;

namespace OrleansRocketMQ.Dispatch.Keyed;

/// <summary>
/// One queue whose messages are consumed in the order of their keys: what it has pulled is sorted into lanes when somebody
/// asks for work. When the queue stops, whatever no listener has goes back to it undone. Thread-safe.
/// </summary>
internal sealed class KeyedQueue(QueuePump pump, Func<MessageExt, string?>? keySelector, Func<int> mostIdle)
{
    private readonly Lock _gate = new();
    private readonly KeyLanes _lanes = new(keySelector, mostIdle);
    private ProcessQueue? _window;
    private bool _closed;

    public QueuePump Pump => pump;

    /// <summary>Whether <see cref="Take"/> may find something.</summary>
    public bool HasWork
    {
        get
        {
            lock (_gate)
            {
                return !pump.Runs.Gate.IsPaused && (_lanes.HasReady || pump.Runs.Waiting > 0);
            }
        }
    }

    /// <summary>See <see cref="KeyLanes.Take"/>. Nothing is handed out once the queue's stop can be seen.</summary>
    public KeyLane? Take(int most, out MessageExt[] messages)
    {
        lock (_gate)
        {
            messages = [];
            return _closed || pump.Runs.Gate.IsPaused || !TakeIn() ? null : _lanes.Take(most, out messages, pump.MostBytesPerCall);
        }
    }

    /// <summary>The first messages of a lane that was taken are done.</summary>
    public void Complete(KeyLane lane, ArraySegment<MessageExt> messages)
    {
        lock (_gate)
        {
            _lanes.Complete(lane, messages);
        }

        pump.OnProgress();
    }

    /// <summary>Gives a lane back; what is left in it may be consumed.</summary>
    public void Release(KeyLane lane) => GiveBack(lane, blocked: false, error: null);

    /// <summary>Gives a lane back whose first message must wait; false when the queue stops and nothing will be consumed any more.</summary>
    public bool Block(KeyLane lane, string? error) => GiveBack(lane, blocked: true, error);

    /// <summary>A blocked lane has waited long enough.</summary>
    public void Unblock(KeyLane lane)
    {
        lock (_gate)
        {
            _lanes.Unblock(lane);
        }
    }

    /// <summary>Hands nothing out any more.</summary>
    public void Close()
    {
        lock (_gate)
        {
            _closed = true;
            ReturnWaiting();
        }

        pump.OnProgress();
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

    public QueueStatus Describe(QueueStatus status)
    {
        lock (_gate)
        {
            var first = _lanes.Blocked.FirstOrDefault();
            return status with
            {
                InFlight = _lanes.InFlight,
                Keys = new KeyedQueueStatus
                {
                    BlockedKeys = _lanes.Blocked.Count(lane => lane.Key is not null),
                    BlockedMessages = _lanes.Blocked.Sum(lane => lane.Count),
                    BlockedKey = first?.Key ?? string.Empty,
                    Failures = first?.Failures ?? 0,
                    LastError = first?.Error ?? string.Empty,
                },
            };
        }
    }

    private bool GiveBack(KeyLane lane, bool blocked, string? error)
    {
        lock (_gate)
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
                ReturnWaiting();
            }
        }

        pump.OnProgress();
        return !_closed;
    }

    /// <summary>Sorts what has come. When the queue has begun anew somewhere else, what it had before counts no more.</summary>
    private bool TakeIn()
    {
        while (pump.Runs.Take(int.MaxValue) is { IsEmpty: false } range)
        {
            if (!ReferenceEquals(range.Window, _window))
            {
                _window = range.Window;
                foreach (var forgotten in _lanes.TakeWaiting())
                {
                    forgotten.Complete();
                }
            }

            _lanes.Add(range);
        }

        return _lanes.HasReady;
    }

    private void ReturnWaiting()
    {
        foreach (var range in _lanes.TakeWaiting())
        {
            pump.Runs.Return(range);
        }
    }
}
