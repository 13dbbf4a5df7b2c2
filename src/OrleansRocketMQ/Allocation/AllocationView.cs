using System.Collections.Frozen;
using Orleans.Runtime;

namespace OrleansRocketMQ.Allocation;

/// <summary>
/// Who owns which queue of a group: the strategy's answer over all members the broker lists, with the members that are
/// silos of this cluster known as such. Immutable; equal inputs give equal views on every silo.
/// </summary>
internal sealed class AllocationView
{
    private readonly FrozenDictionary<MessageQueue, string> _owners;
    private readonly FrozenDictionary<string, SiloAddress> _silos;

    private AllocationView(FrozenDictionary<MessageQueue, string> owners, FrozenDictionary<string, SiloAddress> silos, IReadOnlyList<string> clientIds)
    {
        _owners = owners;
        _silos = silos;
        ClientIds = clientIds;
    }

    public static AllocationView Empty { get; } = new(
        FrozenDictionary<MessageQueue, string>.Empty, FrozenDictionary<string, SiloAddress>.Empty, []);

    /// <summary>The members that took part, sorted.</summary>
    public IReadOnlyList<string> ClientIds { get; }

    public IEnumerable<MessageQueue> Queues => _owners.Keys;

    /// <param name="group">The group.</param>
    /// <param name="strategy">How queues are split.</param>
    /// <param name="topics">The queues of each topic.</param>
    /// <param name="listedClientIds">The members the broker lists.</param>
    /// <param name="cluster">The silos of this cluster.</param>
    public static AllocationView Compute(
        string group,
        IAllocateStrategy strategy,
        IEnumerable<IReadOnlyList<MessageQueue>> topics,
        IEnumerable<string> listedClientIds,
        ClusterSilos cluster)
    {
        var clientIds = listedClientIds.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ToArray();
        var live = clientIds.Where(cluster.Live.ContainsKey).ToArray();
        var owners = new Dictionary<MessageQueue, string>();
        foreach (var queues in topics)
        {
            var sorted = queues.Order().ToArray();
            var orphans = new List<MessageQueue>();
            foreach (var clientId in clientIds)
            {
                foreach (var queue in strategy.Allocate(group, clientId, sorted, clientIds))
                {
                    if (cluster.Dead.Contains(clientId))
                    {
                        orphans.Add(queue);
                    }
                    else
                    {
                        owners[queue] = clientId;
                    }
                }
            }

            // The broker lists a dead silo for up to two minutes, and members elsewhere leave its queues alone so long.
            // Its own cluster knows better and shares them out among its living silos at once.
            foreach (var clientId in live)
            {
                foreach (var queue in strategy.Allocate(group, clientId, orphans, live))
                {
                    owners[queue] = clientId;
                }
            }
        }

        return new AllocationView(owners.ToFrozenDictionary(), cluster.Live.ToFrozenDictionary(StringComparer.Ordinal), clientIds);
    }

    /// <summary>The client id that owns a queue, or null.</summary>
    public string? OwnerOf(MessageQueue queue) => _owners.GetValueOrDefault(queue);

    /// <summary>The silo that owns a queue; null when another program does, or nobody.</summary>
    public SiloAddress? SiloOf(MessageQueue queue)
        => OwnerOf(queue) is { } owner ? _silos.GetValueOrDefault(owner) : null;

    /// <summary>The queues of one member.</summary>
    public IEnumerable<MessageQueue> QueuesOf(string clientId) => _owners.Where(pair => pair.Value == clientId).Select(pair => pair.Key);

    /// <summary>Whether the other view says the same.</summary>
    public bool SameAs(AllocationView other) => _owners.Count == other._owners.Count
        && ClientIds.SequenceEqual(other.ClientIds, StringComparer.Ordinal)
        && _owners.All(pair => other.OwnerOf(pair.Key) == pair.Value);
}

/// <summary>The silos of this cluster by client id.</summary>
/// <param name="Live">Those that take part.</param>
/// <param name="Dead">Those that do not any more, although a broker may still list them.</param>
internal sealed record ClusterSilos(IReadOnlyDictionary<string, SiloAddress> Live, IReadOnlySet<string> Dead)
{
    /// <param name="membership">What Orleans says.</param>
    /// <param name="leaving">Client ids of silos that have said themselves that they leave.</param>
    /// <param name="unitName">What the client ids of this cluster end with, if anything.</param>
    public static ClusterSilos From(ClusterMembershipSnapshot membership, IReadOnlyCollection<string> leaving, string? unitName = null)
    {
        var live = new Dictionary<string, SiloAddress>(StringComparer.Ordinal);
        var dead = new HashSet<string>(StringComparer.Ordinal);
        foreach (var member in membership.Members.Values)
        {
            var clientId = ClientIdentity.Of(member.SiloAddress, unitName);
            if (member.Status == SiloStatus.Active && !leaving.Contains(clientId))
            {
                live[clientId] = member.SiloAddress;
            }
            else if (member.Status >= SiloStatus.Active)
            {
                dead.Add(clientId);
            }
        }

        return new ClusterSilos(live, dead);
    }
}
