using OrleansRocketMQ.Allocation;

namespace OrleansRocketMQ.Engine.Allocation;

/// <summary>
/// Who owns which queue of a group: the strategy's answer over all members the broker lists, with the members that are of
/// this cluster known as such. Immutable; equal inputs give equal views at every member.
/// </summary>
internal sealed class AllocationView
{
    // Not frozen: with many queues that takes longer than all its look-ups.
    private readonly Dictionary<MessageQueue, string> _owners;
    private readonly IReadOnlySet<string> _ours;

    private AllocationView(Dictionary<MessageQueue, string> owners, IReadOnlySet<string> ours, IReadOnlyList<string> clientIds)
    {
        _owners = owners;
        _ours = ours;
        ClientIds = clientIds;
    }

    public static AllocationView Empty { get; } = new([], ClusterMembers.None.Live, []);

    /// <summary>The members that took part, sorted.</summary>
    public IReadOnlyList<string> ClientIds { get; }

    public IEnumerable<MessageQueue> Queues => _owners.Keys;

    /// <summary>Of a group whose members all consume every queue: each sees them as its own.</summary>
    public static AllocationView Everything(IEnumerable<IReadOnlyList<MessageQueue>> topics, string clientId) => new(
        topics.SelectMany(queues => queues).Distinct().ToDictionary(queue => queue, _ => clientId),
        new HashSet<string>(StringComparer.Ordinal) { clientId },
        [clientId]);

    /// <param name="group">The group.</param>
    /// <param name="strategy">How queues are split.</param>
    /// <param name="topics">The queues of each topic; each topic is split by itself, as Java does.</param>
    /// <param name="listedClientIds">The members the broker lists.</param>
    /// <param name="cluster">The members that are of this cluster.</param>
    /// <param name="overrides">What an operator wants of them.</param>
    /// <exception cref="RebalanceException">The strategy gives a queue to two members, or one that does not exist.</exception>
    public static AllocationView Compute(
        string group,
        IAllocateStrategy strategy,
        IEnumerable<IReadOnlyList<MessageQueue>> topics,
        IEnumerable<string> listedClientIds,
        ClusterMembers cluster,
        AllocationOverrides? overrides = null)
    {
        overrides ??= AllocationOverrides.None;
        var clientIds = listedClientIds.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ToArray();
        var live = clientIds.Where(cluster.Live.Contains).ToArray();
        var able = overrides.Able(live);
        var owners = new Dictionary<MessageQueue, string>();
        foreach (var queues in topics)
        {
            var sorted = Sorted(queues);
            Give(group, strategy, sorted, clientIds, owners);

            // The broker lists a dead member for up to two minutes, and members elsewhere leave its queues alone so long.
            // Its own cluster knows better and shares them out among its living members at once. Those of a member that is drained
            // go the same way; the strategy is asked for all members first, so that no other member's share changes.
            var orphans = cluster.Dead.Count == 0 && able.Length == live.Length
                ? []
                : sorted
                    .Where(queue => owners.TryGetValue(queue, out var owner) && (cluster.Dead.Contains(owner) || IsDrained(owner)))
                    .ToArray();
            var before = Array.ConvertAll(orphans, orphan => owners[orphan]);
            foreach (var orphan in orphans)
            {
                owners.Remove(orphan);
            }

            Give(group, strategy, orphans, able, owners);
            for (var index = 0; index < orphans.Length; index++)
            {
                // A strategy may have nobody else for a queue. Better on a drained member than nowhere.
                if (IsDrained(before[index]))
                {
                    owners.TryAdd(orphans[index], before[index]);
                }
            }
        }

        overrides.Apply(owners, able, cluster);
        bool IsDrained(string clientId) => able.Length < live.Length && cluster.Live.Contains(clientId) && !able.Contains(clientId);
        return new AllocationView(owners, cluster.Live, clientIds);
    }

    /// <summary>The same for some of the topics.</summary>
    public AllocationView Only(Func<string, bool> has)
        => new(_owners.Where(owner => has(owner.Key.Topic)).ToDictionary(), _ours, ClientIds);

    /// <summary>The client id that owns a queue, or null.</summary>
    public string? OwnerOf(MessageQueue queue) => _owners.GetValueOrDefault(queue);

    /// <summary>The member of this cluster that owns a queue; null when another program does, or nobody.</summary>
    public string? OwnerHere(MessageQueue queue) => OwnerOf(queue) is { } owner && _ours.Contains(owner) ? owner : null;

    /// <summary>The members that are of this cluster.</summary>
    public IEnumerable<string> Ours => ClientIds.Where(_ours.Contains);

    /// <summary>The queues of one member.</summary>
    public IEnumerable<MessageQueue> QueuesOf(string clientId) => _owners.Where(pair => pair.Value == clientId).Select(pair => pair.Key);

    /// <summary>How large a part of a topic's queues a member has, 0 to 1.</summary>
    public double ShareOf(string clientId, string topic)
    {
        var (all, own) = (0, 0);
        foreach (var (queue, owner) in _owners)
        {
            if (queue.Topic == topic)
            {
                all++;
                own += owner == clientId ? 1 : 0;
            }
        }

        return all == 0 ? 0 : (double)own / all;
    }

    /// <summary>Whether the other view says the same.</summary>
    public bool SameAs(AllocationView other) => _owners.Count == other._owners.Count
        && ClientIds.SequenceEqual(other.ClientIds, StringComparer.Ordinal)
        && _owners.All(pair => other.OwnerOf(pair.Key) == pair.Value);

    private static void Give(
        string group,
        IAllocateStrategy strategy,
        IReadOnlyList<MessageQueue> queues,
        string[] clientIds,
        Dictionary<MessageQueue, string> owners)
    {
        if (queues.Count == 0 || clientIds.Length == 0)
        {
            return;
        }

        var before = owners.Count;
        var shares = strategy.AllocateAll(group, queues, clientIds);
        for (var member = 0; member < clientIds.Length; member++)
        {
            foreach (var queue in shares[member])
            {
                if (!owners.TryAdd(queue, clientIds[member]))
                {
                    throw new RebalanceException(
                        $"Strategy {strategy.Name} gives {queue} of group '{group}' to '{owners[queue]}' and to '{clientIds[member]}'.");
                }
            }
        }

        if (owners.Count - before != queues.Count(owners.ContainsKey))
        {
            throw new RebalanceException(
                $"Strategy {strategy.Name} gives queues to members of group '{group}' that are not among those to be shared out.");
        }
    }

    // Routes come sorted; only what comes from elsewhere costs a sort.
    private static IReadOnlyList<MessageQueue> Sorted(IReadOnlyList<MessageQueue> queues)
    {
        for (var index = 1; index < queues.Count; index++)
        {
            if (queues[index - 1].CompareTo(queues[index]) > 0)
            {
                return [.. queues.Order()];
            }
        }

        return queues;
    }
}
