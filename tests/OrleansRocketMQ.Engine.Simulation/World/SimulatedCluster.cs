using OrleansRocketMQ.Engine.Allocation;
using OrleansRocketMQ.Engine.Simulation.Kernel;

namespace OrleansRocketMQ.Engine.Simulation.World;

/// <summary>A member of the cluster, as the cluster tells it what is new.</summary>
internal interface IClusterMember
{
    Owner Owner { get; }

    /// <summary>The cluster's table of its members.</summary>
    void Told(ClusterTable table);

    /// <summary>A broker's list of the group has changed.</summary>
    void ToldOfMembers();

    /// <summary>Where operators want queues.</summary>
    void Told(WantedPlaces wanted);
}

/// <summary>Which members live and which are dead, by name, at one time. Immutable.</summary>
internal sealed record ClusterTable(ClusterMembers Members, int Version)
{
    public static ClusterTable Empty { get; } = new(ClusterMembers.None, 0);

    public ClusterTable With(string name) => new(new(new HashSet<string>(Members.Live) { name }, Members.Dead), Version + 1);

    public ClusterTable Without(string name)
        => new(new(Members.Live.Where(live => live != name).ToHashSet(), new HashSet<string>(Members.Dead) { name }), Version + 1);
}

/// <summary>The members queues are to be with by the wish of operators, by name. Immutable.</summary>
internal sealed record WantedPlaces(IReadOnlyDictionary<MessageQueue, string> Pins, int Version)
{
    public static WantedPlaces None { get; } = new(new Dictionary<MessageQueue, string>(), 1);

    public WantedPlaces With(MessageQueue queue, string name)
        => new(new Dictionary<MessageQueue, string>(Pins) { [queue] = name }, Version + 1);
}

/// <summary>
/// Who is a member: by the cluster's own table, which each member hears of when it does, by the brokers' lists of the group,
/// which need not agree, and what operators want of the queues' places.
/// </summary>
internal sealed class SimulatedCluster(SimulatedWorld world)
{
    private readonly SeededRandom _random = SeededRandom.Of(world.Setup.Seed, "cluster");
    private readonly List<IClusterMember> _members = [];
    private readonly Dictionary<string, HashSet<string>> _listed = world.Queues.Select(queue => queue.Id.BrokerName).Distinct()
        .ToDictionary(broker => broker, _ => new HashSet<string>(StringComparer.Ordinal));

    public ClusterTable Table { get; private set; } = ClusterTable.Empty;

    public WantedPlaces Wanted { get; private set; } = WantedPlaces.None;

    /// <summary>A member joins the cluster, and tells brokers of itself.</summary>
    /// <param name="member">The member.</param>
    /// <param name="atOnce">Whether everybody knows at once.</param>
    public void Join(IClusterMember member, bool atOnce)
    {
        _members.Add(member);
        Table = Table.With(member.Owner.Name);
        if (atOnce)
        {
            _members.ForEach(one => one.Told(Table));
            member.Told(Wanted);
            foreach (var list in _listed.Values)
            {
                list.Add(member.Owner.Name);
            }

            return;
        }

        TellTable();
        member.Told(Table);
        Tell(member, () => member.Told(Wanted));
        Announce(member.Owner, Millis(300));
    }

    /// <summary>A member is gone: it has left, or the others have found out that it is dead.</summary>
    /// <param name="gone">The member.</param>
    /// <param name="unlistedWithin">How long brokers may list it still.</param>
    public void Gone(IClusterMember gone, TimeSpan unlistedWithin)
    {
        var owner = gone.Owner;
        _members.Remove(gone);
        Table = Table.Without(owner.Name);
        TellTable();
        foreach (var broker in _listed.Keys)
        {
            Later(_random.Between(TimeSpan.Zero, unlistedWithin), () => List(broker, owner.Name, isThere: false));
        }
    }

    /// <summary>A broker has started anew: it lists those again that tell it of themselves.</summary>
    public void Forget(string broker)
    {
        _listed[broker].Clear();
        foreach (var member in _members)
        {
            Announce(member.Owner, TimeSpan.FromSeconds(1.5), broker);
        }
    }

    /// <summary>A member tells brokers of itself.</summary>
    public void Announce(Owner owner, TimeSpan within, string? only = null)
    {
        foreach (var broker in _listed.Keys.Where(broker => only is null || broker == only))
        {
            Later(_random.Between(TimeSpan.Zero, within), () =>
            {
                if (_members.Exists(member => member.Owner == owner && !owner.IsDead))
                {
                    List(broker, owner.Name, isThere: true);
                }
            });
        }
    }

    /// <summary>An operator wants a queue with a member.</summary>
    /// <param name="queue">The queue.</param>
    /// <param name="name">The member.</param>
    /// <param name="first">Who hears of it at once.</param>
    public void Pin(MessageQueue queue, string name, IClusterMember first)
    {
        Wanted = Wanted.With(queue, name);
        var wanted = Wanted;
        first.Told(wanted);
        foreach (var member in _members.Where(member => member != first))
        {
            Tell(member, () => member.Told(wanted));
        }
    }

    /// <summary>The group's members by the list of a broker: of one that has this member if there is one, else of any that answers.</summary>
    public async Task<IReadOnlySet<string>> ReadListAsync(Owner owner, CancellationToken cancellationToken)
    {
        CallFailedException? last = null;
        HashSet<string>? without = null;
        var brokers = _listed.Keys.ToArray();
        var first = _random.Next(brokers.Length);
        for (var next = 0; next < brokers.Length; next++)
        {
            var broker = brokers[(first + next) % brokers.Length];
            var queue = world.Queues.First(queue => queue.Id.BrokerName == broker);
            try
            {
                var listed = await world.AskAsync(owner, queue, _ => new HashSet<string>(_listed[broker]), cancellationToken);
                if (listed.Contains(owner.Name))
                {
                    return listed;
                }

                without ??= listed;
            }
            catch (CallFailedException exception)
            {
                last = exception;
            }
        }

        return without ?? throw last!;
    }

    /// <summary>Reads the table.</summary>
    public async Task<ClusterTable> ReadTableAsync(Owner owner, CancellationToken cancellationToken)
    {
        owner.ThrowIfDead();
        await world.Time.Delay(_random.Between(Millis(1), Millis(100)), cancellationToken);
        owner.ThrowIfDead();
        return Table;
    }

    private void List(string broker, string name, bool isThere)
    {
        if (!(isThere ? _listed[broker].Add(name) : _listed[broker].Remove(name)))
        {
            return;
        }

        foreach (var member in _members.Where(_ => _random.Chance(80)))
        {
            Tell(member, member.ToldOfMembers);
        }
    }

    private void TellTable()
    {
        var table = Table;
        foreach (var member in _members)
        {
            Tell(member, () => member.Told(table));
        }
    }

    private void Tell(IClusterMember member, Action tell)
    {
        var isLate = world.Strikes(FaultKind.MembershipLate, member.Owner.Index);
        var delay = isLate ? _random.Between(Millis(500), Millis(5000)) : _random.Between(Millis(1), Millis(100));
        Later(delay, () =>
        {
            if (!member.Owner.IsDead)
            {
                tell();
            }
        });
    }

    private void Later(TimeSpan delay, Action act) => world.Scheduler.Start("cluster", async () =>
    {
        await world.Time.Delay(delay);
        act();
    });

    private static TimeSpan Millis(int milliseconds) => TimeSpan.FromMilliseconds(milliseconds);
}
