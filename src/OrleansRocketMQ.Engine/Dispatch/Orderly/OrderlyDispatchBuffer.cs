using OrleansRocketMQ.Engine.Window;

namespace OrleansRocketMQ.Engine.Dispatch.Orderly;

/// <summary>
/// What an orderly queue gives its listener next, in order: first what came back, then what is new; messages of parked
/// keys go to their place instead. Also knows what succeeded and waits for the listener's commit. An order, no owner: what it
/// gives is leased, what it keeps is set aside in the window. Used by the queue's loop only, except where noted.
/// </summary>
internal sealed class OrderlyDispatchBuffer(DispatchBuffer runs, ParkedKeys parked)
{
    // The next message is at the end.
    private readonly Stack<ProcessQueueRange> _back = new();
    private readonly List<ProcessQueueRange> _uncommitted = [];
    private ProcessQueue? _window;
    private int _uncommittedMessages;

    /// <summary>Keys that are set aside.</summary>
    public ParkedKeys Parked { get; } = parked;

    /// <summary>Messages that succeeded and are not committed. May be read by anybody.</summary>
    public int UncommittedMessages => Volatile.Read(ref _uncommittedMessages);

    /// <summary>Whether the queue has not begun anew since it was last asked.</summary>
    public bool IsCurrent => ReferenceEquals(runs.Window, _window);

    /// <summary>
    /// Forgets everything when the queue has begun anew, at another offset or under another lock; true when it has. The
    /// earlier window has dropped it.
    /// </summary>
    /// <param name="offset">Where the queue begins.</param>
    public bool BeginsAnew(out long offset)
    {
        var window = runs.Window;
        offset = window.Watermark;
        if (ReferenceEquals(window, _window))
        {
            return false;
        }

        _window = window;
        _back.Clear();
        _uncommitted.Clear();
        Volatile.Write(ref _uncommittedMessages, 0);
        Parked.Clear();
        return true;
    }

    /// <summary>
    /// Leases the next messages, at most that many; empty when there are none, or none may be handed out, or the next one is
    /// of a parked key and no room is left there.
    /// </summary>
    public ProcessQueueRange LeaseFree(int most)
    {
        while (true)
        {
            var range = Take(runs.MostOf(most));
            if (range.IsEmpty || !Parked.Any)
            {
                return Lease(range);
            }

            var first = 0;
            while (first < range.Messages.Count && range.Messages[first].ShardingKey is { } key && Parked.Has(key))
            {
                if (!Parked.TryAppend(key, range.Slice(first, 1)))
                {
                    Push(range.Slice(first, range.Messages.Count - first));
                    return default;
                }

                first++;
            }

            var end = first;
            while (end < range.Messages.Count && !Parked.Has(range.Messages[end].ShardingKey))
            {
                end++;
            }

            Push(range.Slice(end, range.Messages.Count - end));
            if (end > first)
            {
                return Lease(range.Slice(first, end - first));
            }
        }
    }

    /// <summary>Leases the first messages of a parked key; less than that many when no more may be handed out.</summary>
    public ProcessQueueRange[] LeaseParked(ParkedKey key, int most)
    {
        var next = key.Next(runs.MostOf(most), Math.Min(runs.MostBytes, runs.Rule?.Bytes ?? long.MaxValue));
        return next[.._window!.LeaseAside(Array.ConvertAll(next, static single => single.Place))];
    }

    /// <summary>Leased messages come again before everything else.</summary>
    public void PutBack(ProcessQueueRange range)
    {
        if (!range.IsEmpty && range.Window.SetAside(range))
        {
            _back.Push(range);
        }
    }

    /// <summary>Leased messages come again before everything else.</summary>
    public void PutBack(IReadOnlyList<ProcessQueueRange> ranges)
    {
        for (var index = ranges.Count - 1; index >= 0; index--)
        {
            PutBack(ranges[index]);
        }
    }

    /// <summary>What succeeded and is not committed is to be consumed once more, before everything else.</summary>
    public void Rollback()
    {
        var uncommitted = TakeUncommitted();
        for (var index = uncommitted.Count - 1; index >= 0; index--)
        {
            Push(uncommitted[index]);
        }
    }

    /// <summary>Leased messages have succeeded and wait for a commit.</summary>
    public void KeepUncommitted(ProcessQueueRange range)
    {
        if (!range.IsEmpty && range.Window.SetAside(range))
        {
            _uncommitted.Add(range);
            Volatile.Write(ref _uncommittedMessages, _uncommittedMessages + range.Messages.Count);
        }
    }

    /// <summary>Takes out all that wait for a commit, in order.</summary>
    public IReadOnlyList<ProcessQueueRange> TakeUncommitted()
    {
        if (_uncommitted.Count == 0)
        {
            return [];
        }

        ProcessQueueRange[] all = [.. _uncommitted];
        _uncommitted.Clear();
        Volatile.Write(ref _uncommittedMessages, 0);
        return all;
    }

    private ProcessQueueRange Take(int most)
    {
        if (!_back.TryPop(out var range))
        {
            return runs.Due > runs.Rule?.Now ? default : _window!.TakeAside(most, runs.MostBytes);
        }

        Push(range.Slice(Math.Min(most, range.Messages.Count), Math.Max(0, range.Messages.Count - most)));
        return range.Slice(0, Math.Min(most, range.Messages.Count));
    }

    private ProcessQueueRange Lease(ProcessQueueRange range)
    {
        if (range.IsEmpty)
        {
            return range;
        }

        var leased = range.Window.LeaseAside(range);
        Push(range.Slice(leased, range.Messages.Count - leased));
        return range.Slice(0, leased);
    }

    private void Push(ProcessQueueRange range)
    {
        if (!range.IsEmpty)
        {
            _back.Push(range);
        }
    }
}
