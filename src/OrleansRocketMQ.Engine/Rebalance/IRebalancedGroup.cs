using OrleansRocketMQ.Allocation;
using OrleansRocketMQ.Engine.Allocation;
using OrleansRocketMQ.Engine.Flow;
using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Scheduling;
using OrleansRocketMQ.Engine.Statistics;

namespace OrleansRocketMQ.Engine.Rebalance;

/// <summary>
/// A group at one of its members, as <see cref="RebalanceLoop"/> asks it: which queues there are, who takes part, what runs
/// here. What is asked may be answered late or not at all; the loop decides what follows.
/// </summary>
internal interface IRebalancedGroup
{
    string Group { get; }

    /// <summary>This member.</summary>
    string ClientId { get; }

    /// <summary>Whether every member has every queue.</summary>
    bool IsBroadcasting { get; }

    /// <summary>How all members share out the queues; null until that, and what operators want, is known here.</summary>
    IAllocateStrategy? Strategy { get; }

    /// <summary>What this member would go by alone.</summary>
    IAllocateStrategy OwnStrategy { get; }

    /// <summary>The queues that run here.</summary>
    IReadOnlyDictionary<MessageQueue, IGroupQueue> Running { get; }

    /// <summary>Who owns which queue, as this member saw it last; asked by whoever places queues or lets them go.</summary>
    AllocationView View { get; set; }

    /// <summary>Where limits of the whole group are split by what this member has of it.</summary>
    GroupGates Gates { get; }

    GroupStatistics Statistics { get; }

    /// <summary>Whether the group still wants a topic.</summary>
    bool IsSubscribed(string topic);

    /// <summary>Whether messages have an order, so that a queue is one member's also where it is popped.</summary>
    bool KeepsOrder => false;

    /// <summary>Whether the messages of a queue are to be popped; null while this member does not know.</summary>
    bool? Pops(MessageQueue queue);

    /// <summary>The queues of each topic that is known, and whether all topics could be asked for.</summary>
    Task<(IReadOnlyList<IReadOnlyList<MessageQueue>> Topics, bool Complete)> ReadQueuesAsync(CancellationToken cancellationToken);

    /// <summary>The members by a broker's list, one that has this member if there is any.</summary>
    /// <param name="topics">The queues whose brokers can be asked.</param>
    /// <param name="unlisted">How often on end no list had this member.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="Exception">No broker answers.</exception>
    Task<IReadOnlySet<string>> ReadMembersAsync(
        IReadOnlyList<IReadOnlyList<MessageQueue>> topics, int unlisted, CancellationToken cancellationToken);

    /// <summary>Tells brokers of this member, which they do not list, and looks why when it is not for the first time.</summary>
    Task AnnounceAsync(IReadOnlyList<IReadOnlyList<MessageQueue>> topics, int unlisted, CancellationToken cancellationToken);

    /// <summary>These are listed: members that had begun to leave and are not among them have left.</summary>
    void NoteListed(IReadOnlySet<string> clientIds);

    /// <summary>The members of this cluster as the cluster's membership tells them now.</summary>
    /// <param name="withoutThisMember">Whether this member counts as gone.</param>
    ClusterLook LookAtCluster(bool withoutThisMember);

    /// <summary>Has the cluster's membership read anew.</summary>
    Task RefreshClusterAsync(CancellationToken cancellationToken);

    /// <summary>A look has ended.</summary>
    /// <param name="elsewhere">Queues that are this member's and run at another one, by its name.</param>
    void Looked(IReadOnlyDictionary<MessageQueue, string> elsewhere);

    /// <summary>It could not be found out what is this member's.</summary>
    void CouldNotLook(Exception failure);

    /// <summary>Starts no queue any more, and hands over those that run to their owners by the given view.</summary>
    Task LeaveAsync(AllocationView without, StopDeadline deadline);
}

/// <summary>The members of a cluster, and what operators want of them.</summary>
/// <param name="Members">Who lives and who is dead.</param>
/// <param name="Overrides">What operators want; null when nothing is known of that.</param>
internal readonly record struct ClusterLook(ClusterMembers Members, AllocationOverrides? Overrides);
