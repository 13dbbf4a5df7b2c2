namespace OrleansRocketMQ.Engine.Window;

/// <summary>
/// Batches that gather: messages that wait are leased when there are enough of them, or the first has waited long enough. They
/// are nobody's until then, so a stop, a seek or a move finds them as any that wait.
/// </summary>
internal sealed partial class ProcessQueue
{
    private BatchRule? _rule;

    // For each pull that brought something, the slot behind its last message and when it came.
    private Queue<(long End, long At)>? _arrivals;

    /// <summary>
    /// Until when the messages that wait gather, as a time stamp of the clock; null when none wait, or they are a batch already.
    /// </summary>
    public long? Due
    {
        get
        {
            if (_rule is null)
            {
                return null;
            }

            lock (_lock)
            {
                return DueLocked;
            }
        }
    }

    private bool GathersLocked => DueLocked > _rule?.Now;

    private long? DueLocked => _rule is null || _state != WindowState.Open || _returned.Count > 0 || _next == _tail || IsBatch(_rule)
        ? null
        : _rule.DueOf(ArrivedAt(_next));

    /// <summary>When a message came that was not handed out before the last one that was asked for.</summary>
    public long ArrivedAt(long slot)
    {
        // Who sorts by key asks on its own, while a pull adds.
        lock (_lock)
        {
            while (_arrivals!.Peek().End <= slot)
            {
                _arrivals.Dequeue();
            }

            return _arrivals.Peek().At;
        }
    }

    private bool IsBatch(BatchRule rule)
        => Fitting(rule.Messages, long.MaxValue) is var count
            && (count == rule.Messages
                || count < _tail - _next
                || (rule.Bytes < long.MaxValue && BytesOfNext(count) >= rule.Bytes)
                || (int)(_tail - _head) - _done >= rule.MostHeld);

    private long BytesOfNext(int count)
    {
        var bytes = 0L;
        for (var index = 0; index < count; index++)
        {
            bytes += At(_next + index).Message!.BodyLength;
        }

        return bytes;
    }

    private void NoteArrival(int added)
    {
        if (_rule is not null && added > 0)
        {
            (_arrivals ??= new()).Enqueue((_tail, _rule.Now));
        }
    }
}
