using OrleansRocketMQ.Flow;

namespace OrleansRocketMQ.Queues;

/// <summary>
/// The window of a queue between what has been pulled and what is done: keeps messages in order, hands them out once,
/// takes completions in any order, and knows the low watermark, the offset below which everything is done.
/// Every step costs O(1) per message. Thread-safe. Mirrors <c>ProcessQueue</c>, without its tree and its scans.
/// </summary>
/// <remarks>
/// Messages get consecutive places in a ring when they are added. Places, not offsets, are counted, because a queue's
/// offsets have gaps where the broker or a tag filter left messages out.
/// </remarks>
internal sealed class ProcessQueue
{
    private readonly Lock _gate = new();
    private readonly Holdings? _holdings;
    private MessageExt?[] _ring = new MessageExt?[64];
    private long _head;
    private long _next;
    private long _tail;
    private long _bytes;
    private long _pulledTo;
    private long _lastOffset;
    private int _done;
    private readonly QueueProgress? _before;

    /// <summary>An empty window whose watermark is <paramref name="startOffset"/>.</summary>
    /// <param name="startOffset">The first offset to be added.</param>
    /// <param name="holdings">Is told what the window holds, for the budgets shared with other queues.</param>
    public ProcessQueue(long startOffset, Holdings? holdings = null)
    {
        _holdings = holdings;
        _pulledTo = startOffset;
        _lastOffset = startOffset - 1;
    }

    /// <summary>An empty window that goes on where another one of the same queue was; what that one had done is left out.</summary>
    public ProcessQueue(QueueProgress before, Holdings? holdings = null)
        : this(before.Watermark, holdings) => _before = before;

    /// <summary>Messages added and not done.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
            {
                return (int)(_tail - _head) - _done;
            }
        }
    }

    /// <summary>Bytes of bodies of messages added and not done.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    /// <summary>Messages handed out and not done.</summary>
    public int InFlight
    {
        get
        {
            lock (_gate)
            {
                return (int)(_next - _head) - _done;
            }
        }
    }

    /// <summary>Messages not yet handed out.</summary>
    public int Waiting
    {
        get
        {
            lock (_gate)
            {
                return (int)(_tail - _next);
            }
        }
    }

    /// <summary>The offset below which everything is done: what may be committed.</summary>
    public long Watermark
    {
        get
        {
            lock (_gate)
            {
                return _head == _tail ? _pulledTo : At(_head)!.QueueOffset;
            }
        }
    }

    /// <summary>The lowest offset of a message that is not done; -1 when there is none.</summary>
    public long MinOffset
    {
        get
        {
            lock (_gate)
            {
                return _head == _tail ? -1 : At(_head)!.QueueOffset;
            }
        }
    }

    /// <summary>The highest offset of a message that is not done; -1 when there is none.</summary>
    public long MaxOffset
    {
        get
        {
            lock (_gate)
            {
                var place = _tail - 1;
                while (place >= _head && At(place) is null)
                {
                    place--;
                }

                return place < _head ? -1 : At(place)!.QueueOffset;
            }
        }
    }

    /// <summary>Whether the message at an offset has been added and is not done. Looks at every message: for questions, not for the way of messages.</summary>
    public bool Contains(long offset)
    {
        lock (_gate)
        {
            for (var place = _head; place < _tail; place++)
            {
                if (At(place)?.QueueOffset == offset)
                {
                    return true;
                }
            }

            return false;
        }
    }

    /// <summary>How far the newest message is ahead of the oldest that is not done, in offsets.</summary>
    public long Span
    {
        get
        {
            lock (_gate)
            {
                return _head == _tail ? 0 : _lastOffset - At(_head)!.QueueOffset;
            }
        }
    }

    /// <summary>Adds what a pull brought, in order; offsets already seen are left out.</summary>
    /// <param name="messages">The messages wanted, those filtered out already removed.</param>
    /// <param name="pulledTo">Where the next pull begins; the watermark once everything is done.</param>
    /// <returns>How many were added.</returns>
    public int Add(List<MessageExt> messages, long pulledTo)
    {
        lock (_gate)
        {
            var added = 0;
            var bytes = 0L;
            foreach (var message in messages)
            {
                if (message.QueueOffset <= _lastOffset || _before?.IsDone(message.QueueOffset) is true)
                {
                    continue;
                }

                if (_tail - _head == _ring.Length)
                {
                    Grow();
                }

                _ring[_tail++ & (_ring.Length - 1)] = message;
                _lastOffset = message.QueueOffset;
                bytes += message.Body.Length;
                added++;
            }

            _pulledTo = Math.Max(_pulledTo, pulledTo);
            Interlocked.Add(ref _bytes, bytes);
            _holdings?.Add(added, bytes);
            return added;
        }
    }

    /// <summary>
    /// Hands out the next messages, at most <paramref name="most"/>; empty when all are handed out. A message whose body
    /// cannot be read comes alone, because it does not go to a listener, and so does one that alone is as large as a call may be.
    /// </summary>
    public ProcessQueueRange Take(int most, long mostBytes = long.MaxValue)
    {
        lock (_gate)
        {
            var available = (int)Math.Min(most, _tail - _next);
            if (available <= 0)
            {
                return default;
            }

            var count = 1;
            var bytes = Dispatch.CallSize.Of(At(_next)!);
            while (count < available
                && At(_next)!.BodyError is null
                && At(_next + count)!.BodyError is null
                && (bytes += Dispatch.CallSize.Of(At(_next + count)!)) <= mostBytes)
            {
                count++;
            }

            var messages = new MessageExt[count];
            for (var index = 0; index < count; index++)
            {
                messages[index] = At(_next + index)!;
            }

            var range = new ProcessQueueRange(this, _next, messages);
            _next += count;
            return range;
        }
    }

    /// <summary>Marks messages that were handed out as done: consumed, or safely back at the broker.</summary>
    /// <param name="place">The place of the first of them.</param>
    /// <param name="messages">The messages, in order.</param>
    public void Complete(long place, ReadOnlySpan<MessageExt> messages)
    {
        var bytes = 0L;
        foreach (var message in messages)
        {
            bytes += message.Body.Length;
        }

        lock (_gate)
        {
            for (var index = 0; index < messages.Length; index++)
            {
                _ring[(place + index) & (_ring.Length - 1)] = null;
            }

            _done += messages.Length;
            while (_head < _next && At(_head) is null)
            {
                _head++;
                _done--;
            }
        }

        Interlocked.Add(ref _bytes, -bytes);
        _holdings?.Remove(messages.Length, bytes);
    }

    /// <summary>Forgets the messages that were never handed out; the window ends before them, as if they had not been pulled.</summary>
    public void DropWaiting()
    {
        var bytes = 0L;
        int dropped;
        lock (_gate)
        {
            if (_next == _tail)
            {
                return;
            }

            _pulledTo = At(_next)!.QueueOffset;
            _lastOffset = _pulledTo - 1;
            for (var place = _next; place < _tail; place++)
            {
                bytes += At(place)!.Body.Length;
                _ring[place & (_ring.Length - 1)] = null;
            }

            dropped = (int)(_tail - _next);
            _tail = _next;
        }

        Interlocked.Add(ref _bytes, -bytes);
        _holdings?.Remove(dropped, bytes);
    }

    /// <summary>What is done and what is not, for the window that takes the queue over.</summary>
    public QueueProgress Snapshot()
    {
        lock (_gate)
        {
            // What was never handed out needs no mention: the next window pulls it like anything new. Only if this window
            // itself goes on after another, and is not through with what that one had seen, all of it must be told.
            var seenTo = _next < _tail ? At(_next)!.QueueOffset : _pulledTo;
            var inherited = _before?.SeenTo > seenTo ? _before : null;
            var unfinished = new List<long>();
            for (var place = _head; place < (inherited is null ? _next : _tail); place++)
            {
                if (At(place) is { } message)
                {
                    unfinished.Add(message.QueueOffset);
                }
            }

            if (inherited is not null)
            {
                seenTo = Math.Max(inherited.SeenTo, _pulledTo);
                unfinished.AddRange(inherited.Unfinished.Where(offset => offset >= _pulledTo));
            }

            var watermark = _head == _tail ? _pulledTo : At(_head)!.QueueOffset;
            return new QueueProgress(watermark, seenTo, [.. unfinished]);
        }
    }

    private MessageExt? At(long place) => _ring[place & (_ring.Length - 1)];

    private void Grow()
    {
        var larger = new MessageExt?[_ring.Length * 2];
        for (var place = _head; place < _tail; place++)
        {
            larger[place & (larger.Length - 1)] = At(place);
        }

        _ring = larger;
    }
}

/// <summary>Consecutive messages handed out of a <see cref="ProcessQueue"/>.</summary>
/// <param name="Window">The window they belong to.</param>
/// <param name="Place">The place of the first message in the window.</param>
/// <param name="Messages">The messages, in order.</param>
internal readonly record struct ProcessQueueRange(ProcessQueue Window, long Place, ArraySegment<MessageExt> Messages)
{
    public bool IsEmpty => Messages.Count == 0;

    /// <summary>A part of the range.</summary>
    public ProcessQueueRange Slice(int start, int count) => new(Window, Place + start, Messages.Slice(start, count));

    /// <summary>Marks the range as done.</summary>
    public void Complete() => Window.Complete(Place, Messages);
}
