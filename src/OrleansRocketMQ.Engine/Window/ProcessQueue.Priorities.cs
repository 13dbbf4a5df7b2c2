namespace OrleansRocketMQ.Engine.Window;

/// <summary>
/// Priorities: what waits is leased out of order. A message that is passed over stays in its slot and waits; for a snapshot it
/// is one that was seen and is not done, as those behind it may be.
/// </summary>
internal sealed partial class ProcessQueue
{
    private PriorityOrder? _priorities;

    // The slot behind the last message that is in the order.
    private long _sorted;
    private int _highestPriority = int.MinValue;

    /// <summary>The highest priority of a message that waits, as far as the window knows. Takes no lock.</summary>
    public int HighestPriority => Volatile.Read(ref _highestPriority);

    private int WaitingLocked => _priorities?.Count ?? (int)(_tail - _next);

    private void SortByPriority()
    {
        if (_priorities is null)
        {
            return;
        }

        for (; _sorted < _tail; _sorted++)
        {
            _priorities.Add(_sorted, At(_sorted).Message!.Priority);
        }

        Volatile.Write(ref _highestPriority, _priorities.Highest);
    }

    private ProcessQueueRange HandOutByPriority(int most, long mostBytes)
    {
        var (first, available) = _priorities!.Next();
        var count = Admit(Fitting(first, Math.Min(most, available), mostBytes));
        if (count == 0)
        {
            return default;
        }

        _priorities.Take(count);
        return HandOut(first, count, SlotState.Leased);
    }

    /// <summary>Messages that waited were dropped.</summary>
    private void SortAnew()
    {
        if (_priorities is null)
        {
            return;
        }

        _priorities.Clear();
        for (_sorted = _head; _sorted < _tail; _sorted++)
        {
            if (At(_sorted).State == SlotState.Waiting)
            {
                _priorities.Add(_sorted, At(_sorted).Message!.Priority);
            }
        }
    }
}
