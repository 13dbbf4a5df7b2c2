using System.Collections.Concurrent;

namespace OrleansRocketMQ.Embedded.Offsets;

/// <summary>A group's queue on this broker.</summary>
internal readonly record struct GroupQueue(string Group, string Topic, int QueueId);

/// <summary>How far groups have come. Mirrors <c>ConsumerOffsetManager</c>. Thread-safe.</summary>
internal sealed class OffsetTable
{
    private readonly ConcurrentDictionary<GroupQueue, long> _offsets = new();
    private readonly ConcurrentDictionary<GroupQueue, long> _resets = new();
    private long _changes;

    /// <summary>Grows with each commit, so that whoever saves the table knows whether he has to.</summary>
    public long Changes => Interlocked.Read(ref _changes);

    public IEnumerable<KeyValuePair<GroupQueue, long>> All => _offsets;

    public long? Find(GroupQueue queue) => _offsets.TryGetValue(queue, out var offset) ? offset : null;

    /// <summary>Takes what the client says, be it less than before, as RocketMQ does.</summary>
    public void Commit(GroupQueue queue, long offset)
    {
        _offsets[queue] = offset;
        Interlocked.Increment(ref _changes);
    }

    /// <summary>Has what another member of the set has, and nothing else.</summary>
    public void ReplaceBy(OffsetTable other)
    {
        _resets.Clear();
        foreach (var queue in _offsets.Keys.Where(queue => other.Find(queue) is null))
        {
            _offsets.TryRemove(queue, out _);
        }

        foreach (var (queue, offset) in other.All)
        {
            Commit(queue, offset);
        }
    }

    /// <summary>Takes what another member of the set has that is further.</summary>
    public void RaiseTo(OffsetTable other)
    {
        foreach (var (queue, offset) in other.All.Where(pair => !(Find(pair.Key) >= pair.Value)))
        {
            Commit(queue, offset);
        }
    }

    /// <summary>The topics a group has committed offsets for.</summary>
    public IReadOnlyCollection<string> TopicsOf(string group)
        => [.. _offsets.Keys.Where(queue => queue.Group == group).Select(queue => queue.Topic).Distinct(StringComparer.Ordinal)];

    /// <summary>The groups that have committed offsets for a topic.</summary>
    public IReadOnlyCollection<string> GroupsOf(string topic)
        => [.. _offsets.Keys.Where(queue => queue.Topic == topic).Select(queue => queue.Group).Distinct(StringComparer.Ordinal)];

    /// <summary>Makes the group's next pull of the queue move to an offset; commits are ignored until then.</summary>
    public void Reset(GroupQueue queue, long offset)
    {
        _resets[queue] = offset;
        Commit(queue, offset);
    }

    public bool HasReset(GroupQueue queue) => !_resets.IsEmpty && _resets.ContainsKey(queue);

    public long? TakeReset(GroupQueue queue) => !_resets.IsEmpty && _resets.TryRemove(queue, out var offset) ? offset : null;

    public void RemoveTopic(string topic)
    {
        foreach (var queue in _offsets.Keys.Where(queue => queue.Topic == topic))
        {
            _offsets.TryRemove(queue, out _);
            _resets.TryRemove(queue, out _);
        }

        Interlocked.Increment(ref _changes);
    }
}
