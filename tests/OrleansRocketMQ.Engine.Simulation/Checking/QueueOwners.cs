using OrleansRocketMQ.Engine.Simulation.Members;

namespace OrleansRocketMQ.Engine.Simulation.Checking;

/// <summary>Who has which queue: no two may hand messages of one out, but for what a closed fence keeps from doing so.</summary>
internal sealed class QueueOwners
{
    private readonly Dictionary<int, List<MemberQueue>> _queues = [];

    public void Add(MemberQueue queue)
    {
        if (!_queues.TryGetValue(queue.Queue.Index, out var owners))
        {
            _queues[queue.Queue.Index] = owners = [];
        }

        owners.RemoveAll(owner => owner.IsOver);
        owners.Add(queue);
    }

    /// <summary>Another one that hands out messages of the same queue; null when there is none.</summary>
    public MemberQueue? Another(MemberQueue than)
        => _queues[than.Queue.Index].Find(owner => owner != than && owner.MayHandOut);
}
