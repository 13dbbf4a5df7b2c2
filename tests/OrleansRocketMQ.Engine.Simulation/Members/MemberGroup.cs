using OrleansRocketMQ.Allocation;
using OrleansRocketMQ.Engine.Allocation;
using OrleansRocketMQ.Engine.Flow;
using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Rebalance;
using OrleansRocketMQ.Engine.Scheduling;
using OrleansRocketMQ.Engine.Simulation.World;
using OrleansRocketMQ.Engine.Statistics;

namespace OrleansRocketMQ.Engine.Simulation.Members;

/// <summary>
/// The group as one member sees it, for the engine's rebalance: its own table of the cluster, which may be late, and a
/// broker's list.
/// </summary>
internal sealed class MemberGroup(SimulatedWorld world, IGroupMember member, TimeProvider time) : IRebalancedGroup, IClusterMember
{
    private readonly LeavingMembers _leaving = new();
    private ClusterTable _table = ClusterTable.Empty;
    private WantedPlaces? _wanted;
    private IReadOnlySet<string> _listed = new HashSet<string>();

    public string Group => SimulatedWorld.Group;

    public Owner Owner => member.Owner;

    public string ClientId => member.Owner.Name;

    public bool IsBroadcasting => world.Setup.Broadcasts;

    public IAllocateStrategy? Strategy => _wanted is null ? null : OwnStrategy;

    public IAllocateStrategy OwnStrategy => world.Setup.Strategy;

    public IReadOnlyDictionary<MessageQueue, IGroupQueue> Running => member.Queues;

    public AllocationView View { get; set; } = AllocationView.Empty;

    public GroupGates Gates { get; } = new(time);

    public GroupStatistics Statistics => member.Statistics;

    /// <summary>Whether no queue starts here any more.</summary>
    public bool IsClosed { get; private set; }

    /// <summary>Where operators want queues, as far as this member knows.</summary>
    public WantedPlaces? Wanted => _wanted;

    public void Told(ClusterTable table)
    {
        if (table.Version > _table.Version)
        {
            _table = table;
            member.Rebalance.Wake();
        }
    }

    public void ToldOfMembers() => member.Rebalance.Wake();

    public void Told(WantedPlaces wanted)
    {
        if (wanted.Version > (_wanted?.Version ?? 0))
        {
            _wanted = wanted;
            member.Rebalance.WakeAtOnce();
        }
    }

    /// <summary>Another member is about to leave, as has come with a queue of its.</summary>
    public void NoteLeaving(string name)
    {
        _leaving.Note(name);
        member.Rebalance.WakeAtOnce();
    }

    /// <summary>Another member asks for queues: it does not leave, or not any more.</summary>
    public void NoteHere(string name) => _leaving.NoteHere(name);

    /// <summary>Goes by what it knows now, as if a look had just ended.</summary>
    public void LookAgain()
    {
        var cluster = LookAtCluster(withoutThisMember: false);
        if (_listed.Any(name => !cluster.Members.Knows(name)))
        {
            // A look asks before it takes anybody for a stranger.
            Told(world.Cluster.Table);
            cluster = LookAtCluster(withoutThisMember: false);
        }

        View = AllocationView.Compute(Group, OwnStrategy, member.Topics, _listed, cluster.Members, cluster.Overrides);
    }

    public bool IsSubscribed(string topic) => true;

    public bool? Pops(MessageQueue queue) => member.Pops(queue);

    public Task<(IReadOnlyList<IReadOnlyList<MessageQueue>> Topics, bool Complete)> ReadQueuesAsync(CancellationToken cancellationToken)
    {
        Owner.ThrowIfDead();
        return Task.FromResult((member.Topics, true));
    }

    public async Task<IReadOnlySet<string>> ReadMembersAsync(
        IReadOnlyList<IReadOnlyList<MessageQueue>> topics, int unlisted, CancellationToken cancellationToken)
        => _listed = await world.Cluster.ReadListAsync(Owner, cancellationToken);

    public async Task AnnounceAsync(IReadOnlyList<IReadOnlyList<MessageQueue>> topics, int unlisted, CancellationToken cancellationToken)
    {
        await world.Time.Delay(TimeSpan.FromMilliseconds(2), cancellationToken);
        world.Cluster.Announce(Owner, TimeSpan.FromMilliseconds(50));
    }

    public void NoteListed(IReadOnlySet<string> clientIds) => _leaving.NoteListed(clientIds);

    public ClusterLook LookAtCluster(bool withoutThisMember)
    {
        string[] leaving = withoutThisMember ? [.. _leaving.All, ClientId] : [.. _leaving.All];
        var live = _table.Members.Live.Except(leaving).ToHashSet();
        var dead = _table.Members.Dead.Concat(_table.Members.Live.Intersect(leaving)).ToHashSet();
        var overrides = _wanted is { } wanted
            ? new AllocationOverrides(wanted.Pins.Where(pin => live.Contains(pin.Value)).ToDictionary(), new HashSet<string>())
            : null;
        return new ClusterLook(new ClusterMembers(live, dead), overrides);
    }

    public async Task RefreshClusterAsync(CancellationToken cancellationToken)
        => Told(await world.Cluster.ReadTableAsync(Owner, cancellationToken));

    public void Looked(IReadOnlyDictionary<MessageQueue, string> elsewhere)
        => world.Scheduler.Note("looks", ClientId, View.QueuesOf(ClientId).Count(), elsewhere.Count);

    public void CouldNotLook(Exception failure) => world.Scheduler.Note("could not look", ClientId);

    public Task LeaveAsync(AllocationView without, StopDeadline deadline)
    {
        IsClosed = true;
        View = without;
        return member.HandOverAsync(deadline);
    }
}
