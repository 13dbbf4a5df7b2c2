using OrleansRocketMQ.Embedded.Offsets;
using OrleansRocketMQ.Embedded.State;

namespace OrleansRocketMQ.Embedded.Pops;

/// <summary>
/// The last pop of a queue in order: until its messages are done or seen again, nobody gets others. Not thread-safe. Mirrors
/// <c>ConsumerOrderInfoManager.OrderInfo</c>.
/// </summary>
internal sealed class OrderedPop(string? attemptId, long popTime, long invisibleTime, IReadOnlyList<long> offsets)
{
    private readonly HashSet<long> _done = [];
    private readonly Dictionary<long, long> _visibleTimes = [];

    public long PopTime { get; } = popTime;

    public IReadOnlyList<long> Offsets { get; } = offsets;

    /// <summary>How often messages were popped before, those that were at all.</summary>
    public IReadOnlyDictionary<long, int> Counts { get; private set; } = new Dictionary<long, int>();

    /// <summary>The first that is not done, or the one behind the last.</summary>
    public long NextOffset
    {
        get
        {
            foreach (var offset in Offsets)
            {
                if (!_done.Contains(offset))
                {
                    return offset;
                }
            }

            return Offsets[^1] + 1;
        }
    }

    public static OrderedPop Of(SavedOrderedPop saved)
    {
        var pop = new OrderedPop(saved.AttemptId, saved.PopTime, saved.InvisibleTime, saved.Offsets) { Counts = saved.Counts };
        pop._done.UnionWith(saved.Done);
        foreach (var (offset, time) in saved.VisibleTimes)
        {
            pop._visibleTimes[offset] = time;
        }

        return pop;
    }

    public SavedOrderedPop Save(GroupQueue queue) => new(queue.Group, queue.Topic, queue.QueueId, PopTime, invisibleTime, [.. Offsets])
    {
        AttemptId = attemptId,
        Done = [.. _done],
        Counts = new Dictionary<long, int>(Counts),
        VisibleTimes = new Dictionary<long, long>(_visibleTimes),
    };

    /// <summary>Counts the messages that this pop has in common with the one before. The same attempt again is no other one.</summary>
    public void Follow(OrderedPop before) => Counts = before.IsAttempt(attemptId)
        ? before.Counts
        : Offsets.Intersect(before.Offsets).ToDictionary(offset => offset, offset => before.Counts.GetValueOrDefault(offset) + 1);

    public bool IsAttempt(string? id) => attemptId is not null && attemptId == id;

    /// <summary>Whether one of the messages is neither done nor to be seen again yet.</summary>
    public bool IsBlocking(long now) => Offsets.Any(offset => !_done.Contains(offset) && now < VisibleTimeOf(offset));

    /// <summary>When the queue is free at the earliest, should nothing happen until then.</summary>
    public long FreeTime(long now)
    {
        foreach (var offset in Offsets)
        {
            if (!_done.Contains(offset) && VisibleTimeOf(offset) is var time && now < time)
            {
                return time;
            }
        }

        return now;
    }

    public bool TryFinish(long offset)
    {
        if (!Offsets.Contains(offset))
        {
            return false;
        }

        _done.Add(offset);
        return true;
    }

    public void SetVisibleTime(long offset, long time)
    {
        if (Offsets.Contains(offset))
        {
            _visibleTimes[offset] = time;
        }
    }

    private long VisibleTimeOf(long offset)
        => _visibleTimes.TryGetValue(offset, out var time) ? time : PopTime + Math.Clamp(invisibleTime, 0, long.MaxValue / 2);
}
