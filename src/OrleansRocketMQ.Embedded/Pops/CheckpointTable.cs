namespace OrleansRocketMQ.Embedded.Pops;

/// <summary>
/// All that was popped and is not done, by when it is offered again. Not thread-safe. Mirrors <c>PopBufferMergeService</c>.
/// </summary>
internal sealed class CheckpointTable
{
    /// <summary>With so many, nothing more is popped until some are done.</summary>
    public const int Most = 100_000;

    private readonly Dictionary<CheckpointKey, Checkpoint> _open = [];
    private PriorityQueue<Checkpoint, long> _due = new();

    public bool IsFull => _open.Count >= Most;

    public IEnumerable<Checkpoint> All => _open.Values;

    public bool Contains(CheckpointKey key) => _open.ContainsKey(key);

    /// <returns>False: there is one of that key.</returns>
    public bool TryAdd(Checkpoint checkpoint)
    {
        if (!_open.TryAdd(checkpoint.Key, checkpoint))
        {
            return false;
        }

        // Those that are done stay in line until their time comes; not more of them than of the others.
        if (_due.Count > (2 * _open.Count) + 1000)
        {
            _due = new(_open.Values.Where(open => open != checkpoint).Select(open => (open, open.ReviveTime)));
        }

        _due.Enqueue(checkpoint, checkpoint.ReviveTime);
        return true;
    }

    /// <summary>Messages are done. One that is not known, or no longer, is none of anybody's business.</summary>
    public void Ack(CheckpointKey key, long offset)
    {
        if (_open.TryGetValue(key, out var checkpoint))
        {
            checkpoint.Ack(offset);
            if (checkpoint.IsDone)
            {
                _open.Remove(key);
            }
        }
    }

    /// <summary>Takes those out of the line whose time has come; they stay in the table until they are removed.</summary>
    public IReadOnlyList<Checkpoint> TakeDue(long now)
    {
        var due = new List<Checkpoint>();
        while (_due.TryPeek(out var checkpoint, out var time) && time <= now)
        {
            _due.Dequeue();
            if (_open.TryGetValue(checkpoint.Key, out var open) && open == checkpoint)
            {
                due.Add(checkpoint);
            }
        }

        return due;
    }

    /// <summary>Puts one back into the line that could not be offered again.</summary>
    public void Delay(Checkpoint checkpoint, long until)
    {
        checkpoint.ReviveTime = until;
        if (_open.ContainsKey(checkpoint.Key))
        {
            _due.Enqueue(checkpoint, until);
        }
    }

    public void Remove(Checkpoint checkpoint) => _open.Remove(checkpoint.Key);

    public void RemoveTopic(string topic)
    {
        foreach (var key in _open.Keys.Where(key => key.Topic == topic).ToArray())
        {
            _open.Remove(key);
        }
    }
}
