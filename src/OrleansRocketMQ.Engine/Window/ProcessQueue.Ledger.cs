using OrleansRocketMQ.Engine.Flow;

namespace OrleansRocketMQ.Engine.Window;

/// <summary>A ledger beside the window: who must be told of each message hears what becomes of it.</summary>
internal sealed partial class ProcessQueue
{
    private readonly IWindowLedger? _ledger;

    /// <summary>
    /// An empty window of messages that come in no order, from several queues, and again: their offsets say nothing, and a
    /// ledger hears what becomes of each.
    /// </summary>
    public ProcessQueue(IWindowLedger ledger, QueueQuotaUsage? holdings = null)
        : this(0, holdings) => _ledger = ledger;

    /// <summary>Places from the oldest message that is not done to the newest.</summary>
    public int Length
    {
        get
        {
            lock (_lock)
            {
                return (int)(_tail - _head);
            }
        }
    }

    /// <summary>Ends leases of messages that nobody has consumed, when the window's time is over.</summary>
    private void Forget(long first, int count)
    {
        var ended = default(Amount);
        lock (_lock)
        {
            Check(first, count, SlotState.Leased, EndsOnce);
            for (var slot = first; slot < first + count; slot++)
            {
                ended += Drop(slot);
            }

            End(ended.Messages);
        }

        GiveBack(ended);
    }

    private void Forget(ReadOnlySpan<long> slots)
    {
        foreach (var slot in slots)
        {
            Forget(slot, 1);
        }
    }

    /// <summary>Forgets what nobody works on, up to the last one handed out.</summary>
    private Amount DropIdle(bool skips = false)
    {
        var dropped = default(Amount);
        _returned.Clear();
        _returnedMessages = 0;
        for (var slot = _head; slot < _next; slot++)
        {
            if (At(slot).State is SlotState.Waiting or SlotState.SetAside or SlotState.Returned)
            {
                dropped += Drop(slot, skips);
            }
        }

        _done += dropped.Messages;
        MoveHead();
        return dropped;
    }

    private Amount Drop(long slot, bool skips = false)
    {
        if (skips)
        {
            _ledger?.Skipped(At(slot).Message!);
        }
        else
        {
            _ledger?.Dropped(At(slot).Message!);
        }

        return Free(slot);
    }
}
