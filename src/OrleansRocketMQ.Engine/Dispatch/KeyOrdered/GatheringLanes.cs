using OrleansRocketMQ.Engine.Window;

namespace OrleansRocketMQ.Engine.Dispatch.KeyOrdered;

/// <summary>Lanes whose messages are no batch yet and wait for more, by when that ends. Belongs to a <see cref="KeyQueues"/>.</summary>
internal sealed class GatheringLanes(BatchRule rule)
{
    private readonly SortedSet<Waiting> _byDue = new(Comparer<Waiting>.Create(static (one, other)
        => (one.Due, one.Number).CompareTo((other.Due, other.Number))));

    private long _number;

    public BatchRule Rule => rule;

    /// <summary>When the first of them is due, as a time stamp of the clock; null when there is none.</summary>
    public long? Due => _byDue.Count > 0 ? _byDue.Min.Due : null;

    /// <summary>Whether a lane's messages wait for more. What has failed does not.</summary>
    public bool Holds(KeyQueue lane) => lane.Failures == 0 && !lane.HasBatch(rule) && rule.DueOf(lane.FirstArrived) > rule.Now;

    public void Add(KeyQueue lane)
    {
        var waiting = new Waiting(rule.DueOf(lane.FirstArrived), ++_number, lane);
        (lane.State, lane.Gathers) = (KeyQueueState.Gathering, waiting);
        _byDue.Add(waiting);
    }

    public void Remove(KeyQueue lane) => _byDue.Remove(lane.Gathers);

    /// <summary>Takes out the first lane if it is due; null when it is not.</summary>
    /// <param name="atOnce">Whether it is due in any case.</param>
    public KeyQueue? TakeDue(bool atOnce)
    {
        if (_byDue.Count == 0 || (!atOnce && _byDue.Min.Due > rule.Now))
        {
            return null;
        }

        var first = _byDue.Min;
        _byDue.Remove(first);
        return first.Lane;
    }

    /// <summary>Takes out all of them.</summary>
    public IReadOnlyList<KeyQueue> TakeAll()
    {
        KeyQueue[] lanes = [.. _byDue.Select(waiting => waiting.Lane)];
        _byDue.Clear();
        return lanes;
    }

    /// <summary>A lane's place among them.</summary>
    internal readonly record struct Waiting(long Due, long Number, KeyQueue Lane);
}
