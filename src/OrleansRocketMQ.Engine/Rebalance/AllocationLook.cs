using OrleansRocketMQ.Allocation;
using OrleansRocketMQ.Engine.Allocation;
using OrleansRocketMQ.Engine.Contracts;

namespace OrleansRocketMQ.Engine.Rebalance;

/// <summary>
/// Works out who is to own which queue of a group, from what brokers and the cluster's membership tell this member. One
/// caller at a time.
/// </summary>
internal sealed class AllocationLook(IRebalancedGroup group)
{
    private readonly HashSet<string> _strangers = new(StringComparer.Ordinal);
    private IReadOnlyList<IReadOnlyList<MessageQueue>> _topics = [];
    private IReadOnlySet<string> _clientIds = new HashSet<string>();
    private int _unlisted;

    /// <returns>Who is to own which queue; null while the brokers do not count this member in.</returns>
    /// <exception cref="Exception">No broker could be asked, or the strategy gives a queue twice.</exception>
    public async Task<AllocationView?> ReadAsync(
        IAllocateStrategy strategy, IReadOnlyList<IReadOnlyList<MessageQueue>> topics, CancellationToken cancellationToken)
    {
        if (group.IsBroadcasting)
        {
            return AllocationView.Everything(topics, group.ClientId);
        }

        var clientIds = await group.ReadMembersAsync(topics, _unlisted, cancellationToken);
        if (!clientIds.Contains(group.ClientId))
        {
            // Until the broker counts this member in, the others share out its part among themselves.
            await group.AnnounceAsync(topics, ++_unlisted, cancellationToken);
            return null;
        }

        (_unlisted, _clientIds) = (0, clientIds);
        _topics = [.. topics.Select(queues => QueueShare.Divide(
            queues, clientIds.Count, group.KeepsOrder ? static _ => false : group.Pops))];
        group.NoteListed(clientIds);
        await LearnOfNewMembersAsync(clientIds, cancellationToken);
        return Compute(strategy, group.LookAtCluster(withoutThisMember: false));
    }

    /// <summary>Who owns which queue of those seen last when this member is gone.</summary>
    public AllocationView WithoutThisMember()
        => Compute(group.Strategy ?? group.OwnStrategy, group.LookAtCluster(withoutThisMember: true));

    private AllocationView Compute(IAllocateStrategy strategy, ClusterLook cluster)
        => AllocationView.Compute(group.Group, strategy, _topics, _clientIds, cluster.Members, cluster.Overrides);

    /// <summary>
    /// A broker may list a new member before the cluster's membership has told of it; taken for a stranger it would get its
    /// queues without their progress.
    /// </summary>
    private async Task LearnOfNewMembersAsync(IReadOnlySet<string> clientIds, CancellationToken cancellationToken)
    {
        var known = group.LookAtCluster(withoutThisMember: false).Members;
        _strangers.IntersectWith(clientIds);
        if (clientIds.Any(clientId => !known.Knows(clientId) && _strangers.Add(clientId)))
        {
            await group.RefreshClusterAsync(cancellationToken);
        }
    }
}
