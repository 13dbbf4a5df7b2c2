namespace OrleansRocketMQ.Engine.Flow;

/// <summary>
/// What several queues may hold together, in messages or in bytes. Queues that find it used up stand in line, and each
/// thing given back lets the next ones in line pull again, so none starves. Nobody reserves anything: a pull that waits
/// for its broker holds no room, and in exchange the sum may exceed the limit by one pull of each queue. Thread-safe.
/// </summary>
internal sealed class SharedQuota(long limit)
{
    private readonly Lock _gate = new();
    private readonly LinkedList<QuotaWaiter> _line = new();
    private long _used;
    private int _waiting;

    public long Limit => limit;

    public long Used => Interlocked.Read(ref _used);

    /// <summary>Queues in line.</summary>
    public int Waiting => Volatile.Read(ref _waiting);

    public void Add(long amount) => Interlocked.Add(ref _used, amount);

    /// <summary>Takes back what a queue holds no more, and lets as many of those in line go on as that makes room for.</summary>
    public void Remove(long amount)
    {
        Interlocked.Add(ref _used, -amount);
        if (Volatile.Read(ref _waiting) > 0)
        {
            Admit(amount);
        }
    }

    /// <summary>Whether the queue may pull now. If not it stands in line, and its ticket is called when its turn has come.</summary>
    public bool TryAcquire(QuotaWaiter ticket)
    {
        if (ticket.Called)
        {
            return true;
        }

        if (Volatile.Read(ref _waiting) == 0 && Used < limit)
        {
            return true;
        }

        bool first;
        lock (_gate)
        {
            if (ticket.Node is null)
            {
                ticket.Node = _line.AddLast(ticket);

                // Written before the budget is looked at again: whoever gives back after that sees that somebody waits.
                Interlocked.Increment(ref _waiting);
            }

            first = _line.First == ticket.Node;
        }

        if (first && Used < limit)
        {
            Admit(0);
        }

        return ticket.Called;
    }

    /// <summary>
    /// A queue that was called waits for something else now, and keeps its turn. The next one in line may pull meanwhile: nobody
    /// reserves anything.
    /// </summary>
    public void Lend(QuotaWaiter ticket)
    {
        if (ticket.Called && Waiting > 0)
        {
            Admit(0);
        }
    }

    /// <summary>The queue has pulled, or does not want to any more. If it was called and did not pull, the next one is.</summary>
    public void Return(QuotaWaiter ticket, bool used)
    {
        if (!ticket.Called && ticket.Node is null)
        {
            return;
        }

        bool passOn;
        lock (_gate)
        {
            passOn = ticket.Called && !used;
            ticket.Called = false;
            Leave(ticket);
        }

        if (passOn)
        {
            Admit(0);
        }
    }

    private void Admit(long room)
    {
        List<QuotaWaiter>? called = null;
        lock (_gate)
        {
            // One at least; more when what was given back is more than the first will ask for.
            while (_line.First?.Value is { } next && Used < limit && (called is null || room > 0))
            {
                Leave(next);
                next.Called = true;
                room -= next.Ask;
                (called ??= []).Add(next);
            }
        }

        foreach (var ticket in called ?? [])
        {
            ticket.Call();
        }
    }

    private void Leave(QuotaWaiter ticket)
    {
        if (ticket.Node is { } node)
        {
            _line.Remove(node);
            ticket.Node = null;
            Interlocked.Decrement(ref _waiting);
        }
    }
}

/// <summary>A queue's place in the line of one <see cref="SharedQuota"/>.</summary>
/// <param name="budget">The budget.</param>
/// <param name="ask">How much a pull of the queue adds at most, roughly.</param>
/// <param name="call">Tells the queue that it may look again.</param>
internal sealed class QuotaWaiter(SharedQuota budget, long ask, Action call)
{
    private volatile bool _called;

    public SharedQuota Budget => budget;

    public long Ask => ask;

    /// <summary>Whether the queue's turn has come.</summary>
    public bool Called
    {
        get => _called;
        set => _called = value;
    }

    /// <summary>The place in line; the budget's own, under its lock.</summary>
    public LinkedListNode<QuotaWaiter>? Node { get; set; }

    public void Call() => call();
}
