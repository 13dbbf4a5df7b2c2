using OrleansRocketMQ.Engine.Flow;

namespace OrleansRocketMQ.Engine.Window;

/// <summary>Who has which message: leases, and how they end.</summary>
internal sealed partial class ProcessQueue
{
    private const string EndsOnce = "a lease of a message ends once";
    private const string AsideOnce = "a message that is set aside is leased or committed once";

    /// <summary>The queue begins, or goes on, with this window.</summary>
    /// <param name="gate">Whether, and how many, messages may be leased.</param>
    /// <param name="closed">Whether none may be at all, since the queue stops.</param>
    /// <param name="rule">When batches end; null when they do not gather.</param>
    /// <param name="byPriority">Whether messages of a higher priority are leased first.</param>
    public void Open(DispatchGate gate, bool closed, BatchRule? rule = null, bool byPriority = false)
    {
        lock (_lock)
        {
            (_gate, _rule, _priorities) = (gate, rule, byPriority ? new() : null);
            if (closed)
            {
                _state = WindowState.Closed;
                CountLeasable();
            }
        }
    }

    /// <summary>Nothing is leased until the next window begins.</summary>
    public void Hold() => Stop(WindowState.Held);

    /// <summary>Nothing is leased from now on.</summary>
    public void Close() => Stop(WindowState.Closed);

    /// <summary>
    /// Another window takes the place of this one. What nobody works on is dropped, wherever a dispatcher has it; what is
    /// leased counts until its lease ends, however it ends.
    /// </summary>
    /// <param name="skips">Whether that is because the queue is to go on elsewhere; of interest to a ledger.</param>
    public void Retire(bool skips = false)
    {
        var dropped = default(Amount);
        lock (_lock)
        {
            _state = WindowState.Retired;

            // Those behind the last one handed out count as handed out now, so that the head can move over them.
            _next = _tail;
            dropped = DropIdle(skips);
            SortAnew();
            CountLeasable();
        }

        GiveBack(dropped);
    }

    /// <summary>
    /// Leases the next messages, first those that were returned; at most <paramref name="most"/>, and no more than the gate
    /// lets pass. Empty when there are none. A message whose body cannot be read comes alone, because it does not go to a
    /// listener, and so does one that alone is as large as a call may be.
    /// </summary>
    public ProcessQueueRange Lease(int most, long mostBytes = long.MaxValue)
    {
        lock (_lock)
        {
            if (_leasable == 0)
            {
                return default;
            }

            var range = _returned.TryPeek(out var returned)
                ? LeaseReturned(returned, Admit(Math.Min(most, CallSize.Fitting(returned.Messages, mostBytes))))
                : GathersLocked ? default
                : _priorities is null ? HandOut(_next, Admit(Fitting(most, mostBytes)), SlotState.Leased)
                : HandOutByPriority(most, mostBytes);
            _leased += range.Messages.Count;
            CountLeasable();
            return range;
        }
    }

    /// <summary>
    /// Gives the next messages, as <see cref="Lease"/> does, to a dispatcher that has an order of its own. They are leased
    /// when their turn has come, and only then the gate is asked.
    /// </summary>
    public ProcessQueueRange TakeAside(int most, long mostBytes = long.MaxValue) => TakeAside(most, mostBytes, room: null);

    /// <summary>See <see cref="TakeAside(int, long)"/>.</summary>
    /// <param name="room">Where the messages are put; as many as have room there.</param>
    public ProcessQueueRange TakeAside(MessageExt[] room) => TakeAside(room.Length, long.MaxValue, room);

    /// <summary>Leases messages that were set aside, from the first on; as many as the gate lets pass.</summary>
    /// <returns>How many; none when the window's time is over.</returns>
    public int LeaseAside(in ProcessQueueRange range)
    {
        lock (_lock)
        {
            if (_state != WindowState.Open)
            {
                return 0;
            }

            var admitted = Admit(range.Messages.Count);
            Move(range.Place, admitted, SlotState.SetAside, SlotState.Leased, AsideOnce);
            _leased += admitted;
            return admitted;
        }
    }

    /// <summary>See <see cref="LeaseAside(in ProcessQueueRange)"/>.</summary>
    /// <param name="slots">The messages' slots.</param>
    public int LeaseAside(ReadOnlySpan<long> slots)
    {
        lock (_lock)
        {
            if (_state != WindowState.Open)
            {
                return 0;
            }

            var admitted = Admit(slots.Length);
            foreach (var slot in slots[..admitted])
            {
                Move(slot, 1, SlotState.SetAside, SlotState.Leased, AsideOnce);
            }

            _leased += admitted;
            return admitted;
        }
    }

    /// <summary>Ends leases: the messages are done, consumed or safely back at the broker.</summary>
    public void Complete(in ProcessQueueRange range)
    {
        Amount ended;
        lock (_lock)
        {
            ended = Free(range.Place, range.Messages.Count, SlotState.Leased, EndsOnce);
            End(ended.Messages);
        }

        GiveBack(ended);
    }

    /// <summary>See <see cref="Complete(in ProcessQueueRange)"/>.</summary>
    /// <param name="slots">The messages' slots.</param>
    public void Complete(ReadOnlySpan<long> slots)
    {
        var ended = default(Amount);
        lock (_lock)
        {
            foreach (var slot in slots)
            {
                ended += Free(slot, 1, SlotState.Leased, EndsOnce);
            }

            End(ended.Messages);
        }

        GiveBack(ended);
    }

    /// <summary>Messages that were set aside because they waited for a commit are done.</summary>
    public void CompleteAside(in ProcessQueueRange range)
    {
        var ended = default(Amount);
        lock (_lock)
        {
            // What is of a former window was dropped with it.
            if (_state != WindowState.Retired)
            {
                ended = Free(range.Place, range.Messages.Count, SlotState.SetAside, AsideOnce);
                _done += ended.Messages;
                MoveHead();
            }
        }

        GiveBack(ended);
    }

    /// <summary>Ends leases: the messages were not tried, or are to be tried once more, by anybody.</summary>
    public void Return(in ProcessQueueRange range)
    {
        if (range.IsEmpty)
        {
            // Nothing would stand before everything else for ever.
            return;
        }

        lock (_lock)
        {
            if (_state != WindowState.Retired)
            {
                Move(range.Place, range.Messages.Count, SlotState.Leased, SlotState.Returned, EndsOnce);
                _returned.Enqueue(range);
                _returnedMessages += range.Messages.Count;
                _leased -= range.Messages.Count;
                CountLeasable();
                return;
            }
        }

        Forget(range.Place, range.Messages.Count);
    }

    /// <summary>Ends leases: the messages are in the hands of a dispatcher that sorts, which leases them once more.</summary>
    /// <returns>False when the window's time is over; then they are dropped.</returns>
    public bool SetAside(in ProcessQueueRange range)
    {
        lock (_lock)
        {
            if (_state != WindowState.Retired)
            {
                Move(range.Place, range.Messages.Count, SlotState.Leased, SlotState.SetAside, EndsOnce);
                _leased -= range.Messages.Count;
                return true;
            }
        }

        Forget(range.Place, range.Messages.Count);
        return false;
    }

    /// <summary>See <see cref="SetAside(in ProcessQueueRange)"/>.</summary>
    /// <param name="slots">The messages' slots.</param>
    public bool SetAside(ReadOnlySpan<long> slots)
    {
        lock (_lock)
        {
            if (_state != WindowState.Retired)
            {
                foreach (var slot in slots)
                {
                    Move(slot, 1, SlotState.Leased, SlotState.SetAside, EndsOnce);
                }

                _leased -= slots.Length;
                return true;
            }
        }

        Forget(slots);
        return false;
    }

    private void Stop(WindowState state)
    {
        lock (_lock)
        {
            if (_state < state)
            {
                _state = state;
                CountLeasable();
            }
        }
    }

    private ProcessQueueRange TakeAside(int most, long mostBytes, MessageExt[]? room)
    {
        lock (_lock)
        {
            if (_state != WindowState.Open || _next == _tail)
            {
                return default;
            }

            var range = HandOut(_next, Fitting(most, mostBytes), SlotState.SetAside, room);
            CountLeasable();
            return range;
        }
    }

    private int Admit(int most) => _gate?.Admit(most) ?? most;

    private ProcessQueueRange LeaseReturned(ProcessQueueRange range, int count)
    {
        if (count == 0)
        {
            return default;
        }

        _returned.Dequeue();
        if (count < range.Messages.Count)
        {
            _returned.Enqueue(range.Slice(count, range.Messages.Count - count));
            range = range.Slice(0, count);
        }

        _returnedMessages -= count;
        Move(range.Place, count, SlotState.Returned, SlotState.Leased, EndsOnce);
        return range;
    }

    private Amount Free(long first, int count, SlotState from, string rule)
    {
        Check(first, count, from, rule);
        var freed = default(Amount);
        for (var slot = first; slot < first + count; slot++)
        {
            _ledger?.Done(At(slot).Message!);
            freed += Free(slot);
        }

        return freed;
    }

    private void Move(long first, int count, SlotState from, SlotState to, string rule)
    {
        Check(first, count, from, rule);
        for (var slot = first; slot < first + count; slot++)
        {
            At(slot).State = to;
        }
    }

    /// <summary>Before anything is changed: a step that would break the book leaves it as it is, and stops the queue.</summary>
    private void Check(long first, int count, SlotState state, string rule)
    {
        var holds = first >= _head && first + count <= _next;
        for (var slot = first; holds && slot < first + count; slot++)
        {
            holds = At(slot).State == state;
        }

        if (!holds)
        {
            _state = _state < WindowState.Closed ? WindowState.Closed : _state;
            _gate?.Break(rule);
        }

        Invariant.Holds(holds, rule);
    }

    private void End(int leases)
    {
        _leased -= leases;
        _done += leases;
        MoveHead();
    }

    private void MoveHead()
    {
        while (_head < _next && At(_head).Message is null)
        {
            _head++;
            _done--;
        }
    }

    private void CountLeasable()
    {
        SortByPriority();
        Volatile.Write(ref _leasable, _state == WindowState.Open ? WaitingLocked + _returnedMessages : 0);
    }
}
