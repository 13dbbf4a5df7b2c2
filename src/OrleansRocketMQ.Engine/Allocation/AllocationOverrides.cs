namespace OrleansRocketMQ.Engine.Allocation;

/// <summary>
/// What an operator wants of a group's queues, over the strategy's answer, by client id. Concerns the members of this
/// cluster only. Immutable.
/// </summary>
/// <param name="Pins">Queues that are to be with a member of his choice.</param>
/// <param name="Drained">Members that are to have no queues.</param>
internal sealed record AllocationOverrides(IReadOnlyDictionary<MessageQueue, string> Pins, IReadOnlySet<string> Drained)
{
    public static AllocationOverrides None { get; } = new(new Dictionary<MessageQueue, string>(), new HashSet<string>());

    /// <summary>The members that may have queues: all but the drained ones, or all when none would be left.</summary>
    public string[] Able(string[] live)
    {
        if (Drained.Count == 0)
        {
            return live;
        }

        string[] able = [.. live.Where(clientId => !Drained.Contains(clientId))];
        return able.Length > 0 ? able : live;
    }

    /// <summary>Gives pinned queues of this cluster to those they are pinned to, if they may have queues.</summary>
    public void Apply(Dictionary<MessageQueue, string> owners, string[] able, ClusterMembers cluster)
    {
        if (Pins.Count == 0)
        {
            return;
        }

        var takers = able.ToHashSet(StringComparer.Ordinal);
        foreach (var (queue, wanted) in Pins)
        {
            if (takers.Contains(wanted) && owners.TryGetValue(queue, out var owner) && cluster.Live.Contains(owner))
            {
                owners[queue] = wanted;
            }
        }
    }
}
