using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Window;

namespace OrleansRocketMQ.Engine.Pop;

/// <summary>
/// The popped messages of a queue that the broker waits to hear of, by the handles they came with: which are held, done or
/// given back, and what the broker is to be told next. Messages of retry topics and of one queue stand side by side, one that
/// came again beside its former self. Thread-safe; its lock is taken within that of the window and takes none.
/// </summary>
/// <param name="time">The clock.</param>
/// <param name="ahead">How long before its end the invisible time is prolonged.</param>
/// <param name="news">Something is to be told; must be quick and call nobody back.</param>
/// <param name="line">Where a pop comes when all of the one before is told of, and is acknowledged in its order; null elsewhere.</param>
internal sealed class PopBook(TimeProvider time, TimeSpan ahead, Action news, PopLine? line = null) : IWindowLedger
{
    /// <summary>Acknowledgements of one request, and changes that are under way at the same time.</summary>
    public const int MostAtOnce = 64;

    private const string IsKnown = "a popped message is in the book until the broker has heard of it";

    // Brokers forget 24 hours after a pop in order what they gave with it, and then keep it from nobody.
    private static readonly TimeSpan LongestInOrder = TimeSpan.FromHours(12);

    private readonly Lock _lock = new();
    private readonly Dictionary<ReceiptHandle, PopEntry> _entries = [];

    // In the order in which their time ends: all get the same time anew, at its end.
    private readonly LinkedList<PopEntry> _held = [];
    private readonly Queue<PopEntry> _settled = new();
    private readonly long _ahead = Stamps(time, ahead);
    private long _late;
    private long _lost;
    private long _lateTaken;
    private long _deliveries;
    private long _lastSkipped;
    private long _cameAt;

    /// <summary>Messages the broker has not heard of.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _entries.Count;
            }
        }
    }

    /// <summary>How many deliveries have come so far.</summary>
    public long Deliveries
    {
        get
        {
            lock (_lock)
            {
                return _deliveries;
            }
        }
    }

    /// <summary>Whether nothing is left to be told.</summary>
    public bool IsSettled
    {
        get
        {
            lock (_lock)
            {
                return _settled.Count == 0;
            }
        }
    }

    /// <summary>What of the last pop in order is done while a message before it is not; null when nothing is.</summary>
    public DoneAhead? DoneAhead
    {
        get
        {
            lock (_lock)
            {
                return line?.DoneAhead;
            }
        }
    }

    /// <summary>Messages that were done when others could have them already.</summary>
    public long Late => Interlocked.Read(ref _late);

    /// <summary>Messages whose time has ended here, since the broker could not be told in time.</summary>
    public long Lost => Interlocked.Read(ref _lost);

    /// <summary>How long until a message's time is to be prolonged; null when there is none.</summary>
    public TimeSpan? Due
    {
        get
        {
            lock (_lock)
            {
                return _held.First is not { } first ? null
                    : first.Value.Receipt.HiddenUntil - _ahead - time.GetTimestamp() is > 0 and var wait ? time.GetElapsedTime(0, wait)
                    : TimeSpan.Zero;
            }
        }
    }

    /// <summary>
    /// Messages have come. They are not in the window yet. Those of an inner batch are one to the broker: done when the last of
    /// them is, and brought again as soon as one is to come again.
    /// </summary>
    /// <param name="messages">The messages.</param>
    /// <param name="invisibleTime">For how long from now on others do not get them.</param>
    public void Add(IReadOnlyList<MessageExt> messages, TimeSpan invisibleTime)
    {
        lock (_lock)
        {
            _cameAt = time.GetTimestamp();
            var until = _cameAt + Stamps(time, invisibleTime);
            foreach (var message in messages)
            {
                // Before any is in the book, where it would be held for ever.
                Invariant.Holds(!_entries.ContainsKey(message.ReceiptHandle!.Value), "a delivery of a message comes once");
            }

            foreach (var message in messages)
            {
                if (_entries.TryGetValue(message.ReceiptHandle!.Value, out var whole))
                {
                    whole.Parts++;
                    continue;
                }

                var entry = new PopEntry(message, until, ++_deliveries);
                _entries.Add(entry.Key, entry);
                _held.AddLast(entry.Place);
                line?.Add(entry, message.MessageId);
            }
        }

        // Whoever waits for the next one to be due may have had none.
        news();
    }

    /// <summary>A message is to come again after a time, and is out of the listener's hands.</summary>
    public void GiveBack(MessageExt message, TimeSpan delay) => Settle(message, receipt => receipt.GiveBack(delay));

    /// <inheritdoc/>
    public void Done(MessageExt message) => Settle(message, static receipt => receipt.Finish(), ofPart: true);

    /// <inheritdoc/>
    public void Dropped(MessageExt message) => Settle(message, static receipt => receipt.GiveBack(TimeSpan.Zero));

    /// <summary>The queue has been moved, and what is skipped lies at another place, if it had come by then.</summary>
    /// <param name="deliveries">How many had come when the move was asked for: a later one may lie where the queue goes on.</param>
    public void Moved(long deliveries)
    {
        lock (_lock)
        {
            _lastSkipped = deliveries;
            line?.ForgetDone();
        }
    }

    /// <summary>What lies at another place of the queue is done; what has failed before comes again wherever the queue is.</summary>
    public void Skipped(MessageExt message)
    {
        if (message.ReceiptHandle!.Value.Kind == PopTopicKind.Normal && HadCome(message))
        {
            Done(message);
        }
        else
        {
            Dropped(message);
        }
    }

    /// <summary>
    /// Takes out of the line those whose time has ended before a listener was done with them; what they come to is late.
    /// </summary>
    /// <returns>How many there are since this was asked last.</returns>
    public int TakeLost()
    {
        lock (_lock)
        {
            var now = time.GetTimestamp();
            var lost = 0;
            for (var next = _held.First; next is not null && next.Value.Receipt.IsVisibleAt(now);)
            {
                var place = next;
                next = next.Next;
                if (!place.Value.Receipt.IsAsked)
                {
                    _held.Remove(place);
                    lost++;
                }
            }

            _lost += lost;
            return lost;
        }
    }

    /// <summary>Whether what was popped in order has been here for so long that it is to be popped anew. Says so once.</summary>
    public bool TakeOld()
    {
        lock (_lock)
        {
            if (line is null || _entries.Count == 0 || time.GetElapsedTime(_cameAt) < LongestInOrder)
            {
                return false;
            }

            _cameAt = time.GetTimestamp();
            return true;
        }
    }

    /// <summary>How many were done too late since this was asked last.</summary>
    public int TakeLate()
    {
        lock (_lock)
        {
            var late = (int)(_late - _lateTaken);
            _lateTaken = _late;
            return late;
        }
    }

    /// <summary>What the broker is to be told now. Each of it must be answered.</summary>
    public PopWork TakeWork()
    {
        lock (_lock)
        {
            var now = time.GetTimestamp();
            var (acks, changes, forgotten) = (new List<PopTask>(), new List<PopTask>(), 0);
            while (acks.Count < MostAtOnce && changes.Count < MostAtOnce && _settled.TryDequeue(out var settled))
            {
                switch (settled.Receipt.DutyAt(now, _ahead))
                {
                    case PopDuty.Acknowledge:
                        acks.Add(Ask(settled));
                        break;
                    case PopDuty.GiveBack:
                        changes.Add(Ask(settled));
                        break;
                    case PopDuty.Forget:
                        _entries.Remove(settled.Key);
                        forgotten++;
                        break;
                }
            }

            for (var place = _held.First; place is not null && changes.Count < MostAtOnce; place = place.Next)
            {
                if (place.Value.Receipt.DutyAt(now, _ahead) == PopDuty.Renew)
                {
                    changes.Add(Ask(place.Value));
                }
                else if (!place.Value.Receipt.IsAsked)
                {
                    break;
                }
            }

            return new PopWork(acks, changes, forgotten);
        }
    }

    /// <summary>The broker has heard what became of a message.</summary>
    public void Told(PopTask task)
    {
        lock (_lock)
        {
            Invariant.Holds(_entries.Remove(task.Key), IsKnown);
        }
    }

    /// <summary>The broker keeps a message from others for longer.</summary>
    /// <param name="task">What it was asked.</param>
    /// <param name="handle">How it knows the message from now on; null when it does not have it so any more.</param>
    /// <param name="invisibleTime">For how long, from the moment it was asked.</param>
    /// <param name="asked">When it was asked.</param>
    public void Renewed(PopTask task, ReceiptHandle? handle, TimeSpan invisibleTime, long asked)
        => Answer(task, receipt => handle is { } next
            ? receipt.Renewed(next, asked + Stamps(time, invisibleTime))
            : receipt.Lost(time.GetTimestamp()));

    /// <summary>The broker has not answered.</summary>
    public void NotAnswered(PopTask task) => Answer(task, static receipt => receipt.NotAnswered());

    private bool HadCome(MessageExt message)
    {
        lock (_lock)
        {
            return _entries.TryGetValue(message.ReceiptHandle!.Value, out var entry) && entry.Number <= _lastSkipped;
        }
    }

    private static long Stamps(TimeProvider time, TimeSpan span) => (long)(span.TotalSeconds * time.TimestampFrequency);

    private static PopTask Ask(PopEntry entry)
    {
        entry.Receipt = entry.Receipt.Ask();
        return new PopTask(entry.Key, entry.Receipt);
    }

    private void Settle(MessageExt message, Func<PopReceipt, PopReceipt> next, bool ofPart = false)
    {
        lock (_lock)
        {
            var isKnown = _entries.TryGetValue(message.ReceiptHandle!.Value, out var entry);
            if (!isKnown || entry!.Receipt.Step != PopStep.Held)
            {
                // It was given back before it was completed, and the broker may have heard of that already.
                return;
            }

            if (ofPart && --entry.Parts > 0)
            {
                return;
            }

            entry.Receipt = next(entry.Receipt);
            _late += entry.Receipt.Step == PopStep.Done && entry.Receipt.IsVisibleAt(time.GetTimestamp()) ? 1 : 0;
            if (entry.Place.List is not null)
            {
                _held.Remove(entry.Place);
            }

            if (entry.Receipt.IsAsked)
            {
                // Its handle is about to be another one.
                return;
            }

            var hasNews = _settled.Count > 0;
            TellOf(entry);
            if (hasNews || _settled.Count == 0)
            {
                return;
            }
        }

        news();
    }

    /// <summary>The broker is to hear of one that is settled, and of those behind it that have waited for that.</summary>
    private void TellOf(PopEntry entry)
    {
        if (!entry.IsInLine || entry.Receipt.Step == PopStep.GivenBack)
        {
            _settled.Enqueue(entry);
        }

        while (line is not null && line.TryTake(out var done))
        {
            _settled.Enqueue(done);
        }
    }

    private void Answer(PopTask task, Func<PopReceipt, PopReceipt> next)
    {
        lock (_lock)
        {
            Invariant.Holds(_entries.TryGetValue(task.Key, out var entry), IsKnown);
            entry!.Receipt = next(entry.Receipt);
            if (entry.Receipt.Step != PopStep.Held)
            {
                TellOf(entry);
            }
            else if (entry.Place.List is not null && entry.Receipt.Handle != task.Receipt.Handle)
            {
                _held.Remove(entry.Place);
                _held.AddLast(entry.Place);
            }
        }
    }
}

/// <summary>A message the broker is to be told of.</summary>
/// <param name="Key">The handle it came with.</param>
/// <param name="Receipt">How it is with it.</param>
internal readonly record struct PopTask(ReceiptHandle Key, PopReceipt Receipt);

/// <summary>What a broker is to be told now.</summary>
/// <param name="Acks">Messages that are done.</param>
/// <param name="Changes">Messages that are to come again, or whose time is to be prolonged.</param>
/// <param name="Forgotten">Messages that were out of its hands and are no more in the book.</param>
internal readonly record struct PopWork(IReadOnlyList<PopTask> Acks, IReadOnlyList<PopTask> Changes, int Forgotten)
{
    public bool IsEmpty => Acks.Count == 0 && Changes.Count == 0;
}
