using OrleansRocketMQ.Embedded.Serving;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Embedded.Consumers;

/// <summary>A member of a consumer group: one connection with the id its heartbeats give.</summary>
internal sealed record ConsumerMember(ClientPeer Peer, string ClientId, LanguageCode Language, int Version, long SeenAt);

/// <summary>A consumer group as its heartbeats describe it, at one moment.</summary>
internal sealed record ConsumerGroupView(
    string ConsumeType,
    string MessageModel,
    string ConsumeFromWhere,
    IReadOnlyList<ConsumerMember> Members,
    IReadOnlyList<SubscriptionData> Subscriptions);

/// <summary>What a change of a group asks for: the connections whose clients are to be told, none if nothing changed.</summary>
internal readonly record struct GroupChange(bool Changed, IReadOnlyList<ClientPeer> ToNotify)
{
    public static GroupChange None { get; } = new(false, []);
}

/// <summary>
/// The consumer groups that are online: members by connection, and what the group subscribes to. Mirrors
/// <c>ConsumerManager</c> and <c>ConsumerGroupInfo</c>, whose rules for what counts as a change it keeps. Thread-safe.
/// </summary>
internal sealed class ConsumerTable(TimeProvider time)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Group> _groups = new(StringComparer.Ordinal);

    public GroupChange Register(ConsumerData data, ConsumerMember member, bool keepSubscriptions)
    {
        lock (_gate)
        {
            if (!_groups.TryGetValue(data.GroupName, out var group))
            {
                _groups[data.GroupName] = group = new();
            }

            group.ConsumeType = data.ConsumeType;
            group.MessageModel = data.MessageModel;
            group.ConsumeFromWhere = data.ConsumeFromWhere;
            var joined = !group.Members.ContainsKey(member.Peer);
            group.Members[member.Peer] = member;
            var resubscribed = !keepSubscriptions && group.Subscribe(data.SubscriptionDataSet ?? []);
            return joined || resubscribed ? new(true, group.PeersToNotify()) : GroupChange.None;
        }
    }

    public GroupChange Unregister(string groupName, ClientPeer peer)
    {
        lock (_gate)
        {
            if (!_groups.TryGetValue(groupName, out var group))
            {
                return GroupChange.None;
            }

            group.Members.Remove(peer);
            RemoveIfEmpty(groupName, group);
            return new(true, group.PeersToNotify());
        }
    }

    /// <summary>Takes a closed connection out of every group.</summary>
    /// <returns>The groups it was in, with whom to notify.</returns>
    public IReadOnlyList<(string Group, GroupChange Change)> Leave(ClientPeer peer)
    {
        var left = new List<(string, GroupChange)>();
        lock (_gate)
        {
            foreach (var (name, group) in _groups.ToArray())
            {
                if (group.Members.Remove(peer))
                {
                    RemoveIfEmpty(name, group);
                    left.Add((name, new(true, group.PeersToNotify())));
                }
            }
        }

        return left;
    }

    /// <summary>
    /// Takes out members that have been silent for too long. As in RocketMQ the others of that group are not told; they
    /// notice when they next ask.
    /// </summary>
    /// <returns>The connections to close.</returns>
    public IReadOnlyList<ClientPeer> TakeSilent(TimeSpan expiry)
    {
        var silent = new List<ClientPeer>();
        lock (_gate)
        {
            foreach (var (name, group) in _groups.ToArray())
            {
                foreach (var member in group.Members.Values.Where(member => time.GetElapsedTime(member.SeenAt) > expiry).ToArray())
                {
                    group.Members.Remove(member.Peer);
                    silent.Add(member.Peer);
                }

                RemoveIfEmpty(name, group);
            }
        }

        return silent;
    }

    /// <summary>The group's subscription to a topic.</summary>
    /// <returns>Whether the group is online.</returns>
    public bool TryFind(string groupName, string topic, out Subscription? subscription, out string messageModel)
    {
        lock (_gate)
        {
            if (!_groups.TryGetValue(groupName, out var group))
            {
                subscription = null;
                messageModel = string.Empty;
                return false;
            }

            subscription = group.Subscriptions.GetValueOrDefault(topic);
            messageModel = group.MessageModel;
            return true;
        }
    }

    public ConsumerGroupView? View(string groupName)
    {
        lock (_gate)
        {
            return _groups.TryGetValue(groupName, out var group)
                ? new(
                    group.ConsumeType,
                    group.MessageModel,
                    group.ConsumeFromWhere,
                    [.. group.Members.Values],
                    [.. group.Subscriptions.Values.Select(subscription => subscription.Data)])
                : null;
        }
    }

    public void Clear()
    {
        lock (_gate)
        {
            _groups.Clear();
        }
    }

    private void RemoveIfEmpty(string name, Group group)
    {
        if (group.Members.Count == 0)
        {
            _groups.Remove(name);
        }
    }

    private sealed class Group
    {
        public string ConsumeType { get; set; } = string.Empty;

        public string MessageModel { get; set; } = string.Empty;

        public string ConsumeFromWhere { get; set; } = string.Empty;

        public Dictionary<ClientPeer, ConsumerMember> Members { get; } = [];

        public Dictionary<string, Subscription> Subscriptions { get; } = new(StringComparer.Ordinal);

        // Members of a broadcasting group do not share queues, so they need not hear of each other.
        public IReadOnlyList<ClientPeer> PeersToNotify()
            => MessageModel == ConsumerDataValues.Broadcasting ? [] : [.. Members.Keys];

        /// <summary>Only a topic more or less counts as a change; a newer expression for one is taken over silently.</summary>
        public bool Subscribe(IReadOnlyList<SubscriptionData> wanted)
        {
            var changed = false;
            foreach (var data in wanted)
            {
                if (!Subscriptions.TryGetValue(data.Topic, out var old))
                {
                    changed = true;
                    Subscriptions[data.Topic] = Subscription.Of(data);
                }
                else if (data.SubVersion > old.Data.SubVersion)
                {
                    Subscriptions[data.Topic] = Subscription.Of(data);
                }
            }

            foreach (var topic in Subscriptions.Keys.Where(topic => wanted.All(data => data.Topic != topic)).ToArray())
            {
                changed = true;
                Subscriptions.Remove(topic);
            }

            return changed;
        }
    }
}
