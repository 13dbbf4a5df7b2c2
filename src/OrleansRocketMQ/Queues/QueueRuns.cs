using OrleansRocketMQ.Flow;

namespace OrleansRocketMQ.Queues;

/// <summary>
/// What a queue has for listeners: first what was handed out before and came back untried, then what is new. Also
/// sees to it that the queue stands in the dispatcher's line at most once. Thread-safe.
/// </summary>
internal sealed class QueueRuns
{
    private readonly Lock _gate = new();
    private readonly Queue<ProcessQueueRange> _returned = new();
    private ProcessQueue _window;
    private int _returnedMessages;
    private bool _closed;
    private bool _held;
    private int _inLine;

    public QueueRuns(ProcessQueue window, QueueGate? gate = null)
    {
        _window = window;
        Gate = gate ?? new QueueGate();
    }

    /// <summary>Whether, and how many, messages may be handed out now.</summary>
    public QueueGate Gate { get; }

    /// <summary>What messages that are handed out together may be in a grain call.</summary>
    public long MostBytes { get; init; } = long.MaxValue;

    /// <summary>The window new messages go to.</summary>
    public ProcessQueue Window
    {
        get
        {
            lock (_gate)
            {
                return _window;
            }
        }
    }

    /// <summary>Messages nobody works on and that may be handed out now.</summary>
    public int Waiting
    {
        get
        {
            lock (_gate)
            {
                var waiting = _closed || _held ? 0 : _returnedMessages + _window.Waiting;
                return waiting > 0 && Gate.IsOpen ? waiting : 0;
            }
        }
    }

    /// <summary>Messages a listener works on.</summary>
    public int InFlight
    {
        get
        {
            lock (_gate)
            {
                return _window.InFlight - _returnedMessages;
            }
        }
    }

    /// <summary>Claims the queue's place in the dispatcher's line; false when it stands there already.</summary>
    public bool TryEnterLine() => Interlocked.Exchange(ref _inLine, 1) == 0;

    /// <summary>Gives the place up. The caller looks once more whether messages came in meanwhile.</summary>
    public void LeaveLine() => Volatile.Write(ref _inLine, 0);

    /// <summary>Hands out at most that many messages; empty when there are none, or nothing is handed out any more.</summary>
    public ProcessQueueRange Take(int most)
    {
        lock (_gate)
        {
            if (_closed || _held || _returnedMessages + _window.Waiting == 0)
            {
                return default;
            }

            var admitted = Gate.Admit(most);
            var range = TakeLocked(admitted);
            if (range.Messages.Count < admitted)
            {
                Gate.GiveBack(admitted - range.Messages.Count);
            }

            return range;
        }
    }

    /// <summary>Takes messages back that were handed out and not tried, or are to be tried here once more.</summary>
    public void Return(ProcessQueueRange range)
    {
        lock (_gate)
        {
            ReturnLocked(range);
        }
    }

    /// <summary>Begins a new window; what is in flight still completes in the old one.</summary>
    public void Restart(ProcessQueue window)
    {
        lock (_gate)
        {
            // What nobody works on is not held any more.
            _window.DropWaiting();
            foreach (var range in _returned)
            {
                range.Complete();
            }

            _window = window;
            _held = false;
            _returned.Clear();
            _returnedMessages = 0;
        }
    }

    /// <summary>Forgets the messages that were never handed out; they count as not pulled.</summary>
    public void DropWaiting()
    {
        lock (_gate)
        {
            _window.DropWaiting();
        }
    }

    /// <summary>Nothing is handed out until the next window begins.</summary>
    public void Hold()
    {
        lock (_gate)
        {
            _held = true;
        }
    }

    /// <summary>Nothing is handed out from now on.</summary>
    public void Close()
    {
        lock (_gate)
        {
            _closed = true;
        }
    }

    private ProcessQueueRange TakeLocked(int most)
    {
        if (most == 0 || !_returned.TryDequeue(out var range))
        {
            return _window.Take(most, MostBytes);
        }

        _returnedMessages -= range.Messages.Count;
        most = Math.Min(most, Dispatch.CallSize.Fitting(range.Messages, MostBytes));
        if (range.Messages.Count > most)
        {
            ReturnLocked(range.Slice(most, range.Messages.Count - most));
            range = range.Slice(0, most);
        }

        return range;
    }

    private void ReturnLocked(ProcessQueueRange range)
    {
        if (ReferenceEquals(range.Window, _window))
        {
            _returned.Enqueue(range);
            _returnedMessages += range.Messages.Count;
        }
    }
}
