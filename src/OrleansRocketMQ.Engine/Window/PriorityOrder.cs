namespace OrleansRocketMQ.Engine.Window;

/// <summary>
/// The slots of messages that wait, by the messages' priority: the highest first, and within one as they came. One run in
/// <see cref="OldestOnceIn"/> is that of the message that waits longest, whatever its priority, so that none waits for ever.
/// Not thread-safe.
/// </summary>
internal sealed class PriorityOrder
{
    /// <summary>How often the oldest has its turn.</summary>
    public const int OldestOnceIn = 8;

    // Ascending, so that the highest is the last one; a priority of which nothing waits is not there.
    private readonly SortedList<int, Waiting> _byPriority = [];
    private int _turn;

    /// <summary>How many messages wait.</summary>
    public int Count { get; private set; }

    /// <summary>The highest priority of a message that waits; the lowest there is when none does.</summary>
    public int Highest => Count == 0 ? int.MinValue : _byPriority.GetKeyAtIndex(_byPriority.Count - 1);

    /// <summary>A message waits behind all that came before.</summary>
    public void Add(long slot, int priority)
    {
        if (!_byPriority.TryGetValue(priority, out var waiting))
        {
            _byPriority.Add(priority, waiting = new Waiting());
        }

        waiting.Add(slot);
        Count++;
    }

    /// <summary>Whose turn it is: slots one behind the other. Nothing waits when there are none.</summary>
    public (long First, int Count) Next() => Count == 0 ? default : _byPriority.GetValueAtIndex(IndexOfNext()).First;

    /// <summary>Takes the first of those whose turn it is.</summary>
    public void Take(int count)
    {
        var index = IndexOfNext();
        _byPriority.GetValueAtIndex(index).Take(count);
        if (_byPriority.GetValueAtIndex(index).IsEmpty)
        {
            _byPriority.RemoveAt(index);
        }

        Count -= count;
        _turn = (_turn + 1) % OldestOnceIn;
    }

    /// <summary>Nothing waits any more.</summary>
    public void Clear()
    {
        _byPriority.Clear();
        Count = 0;
    }

    private int IndexOfNext()
    {
        var chosen = _byPriority.Count - 1;
        if (_turn < OldestOnceIn - 1)
        {
            return chosen;
        }

        for (var index = chosen - 1; index >= 0; index--)
        {
            if (_byPriority.GetValueAtIndex(index).First.First < _byPriority.GetValueAtIndex(chosen).First.First)
            {
                chosen = index;
            }
        }

        return chosen;
    }

    /// <summary>The slots of one priority, those that lie side by side together.</summary>
    private sealed class Waiting
    {
        private readonly LinkedList<(long First, int Count)> _runs = new();

        public bool IsEmpty => _runs.Count == 0;

        public (long First, int Count) First => _runs.First!.Value;

        public void Add(long slot)
        {
            if (_runs.Last is { Value: var (first, count) } last && first + count == slot)
            {
                last.Value = (first, count + 1);
            }
            else
            {
                _runs.AddLast((slot, 1));
            }
        }

        public void Take(int taken)
        {
            var (first, count) = First;
            _runs.RemoveFirst();
            if (taken < count)
            {
                _runs.AddFirst((first + taken, count - taken));
            }
        }
    }
}
