using OrleansRocketMQ.Embedded.Offsets;
using OrleansRocketMQ.Embedded.State;

namespace OrleansRocketMQ.Embedded.Pops;

/// <summary>
/// The book of what groups have popped: checkpoints, and for pops in order the last one of each queue. Thread-safe: whoever looks
/// and writes in one step holds <see cref="Gate"/>.
/// </summary>
internal sealed class PopBook
{
    private readonly Dictionary<GroupQueue, OrderedPop> _ordered = [];
    private long _changes;

    /// <summary>Nobody may wait for anything else while he holds it.</summary>
    public Lock Gate { get; } = new();

    public CheckpointTable Checkpoints { get; } = new();

    /// <summary>Grows with each change, so that whoever saves the book knows whether he has to.</summary>
    public long Changes => Interlocked.Read(ref _changes);

    public void Load(BrokerState state)
    {
        lock (Gate)
        {
            foreach (var saved in state.Checkpoints)
            {
                Checkpoints.TryAdd(Checkpoint.Of(saved));
            }

            foreach (var saved in state.OrderedPops.Where(saved => saved.Offsets.Count > 0))
            {
                _ordered[new(saved.Group, saved.Topic, saved.QueueId)] = OrderedPop.Of(saved);
            }
        }
    }

    public (IReadOnlyList<SavedCheckpoint> Checkpoints, IReadOnlyList<SavedOrderedPop> OrderedPops) Save()
    {
        lock (Gate)
        {
            return (
                [.. Checkpoints.All.Select(checkpoint => checkpoint.Save())],
                [.. _ordered.Select(pair => pair.Value.Save(pair.Key))]);
        }
    }

    public void NoteChange() => Interlocked.Increment(ref _changes);

    /// <summary>How many messages of topics a group has in work.</summary>
    public int CountOf(string group, IReadOnlyCollection<string> topics)
    {
        lock (Gate)
        {
            return Checkpoints.All
                .Where(checkpoint => checkpoint.Key.Group == group && topics.Contains(checkpoint.Key.Topic))
                .Sum(checkpoint => checkpoint.Open.Count);
        }
    }

    public OrderedPop? FindOrdered(GroupQueue queue) => _ordered.GetValueOrDefault(queue);

    public void SetOrdered(GroupQueue queue, OrderedPop pop)
    {
        if (_ordered.TryGetValue(queue, out var before))
        {
            pop.Follow(before);
        }

        _ordered[queue] = pop;
        NoteChange();
    }

    public void ClearOrdered(GroupQueue queue) => _ordered.Remove(queue);

    /// <summary>Forgets a topic that is no more.</summary>
    public void RemoveTopic(string topic)
    {
        lock (Gate)
        {
            Checkpoints.RemoveTopic(topic);
            foreach (var queue in _ordered.Keys.Where(queue => queue.Topic == topic).ToArray())
            {
                _ordered.Remove(queue);
            }
        }

        NoteChange();
    }
}
