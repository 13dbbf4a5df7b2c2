using System.Text;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Consumers;

/// <summary>A topic a group consumes, ready for the heartbeat and for filtering. Immutable.</summary>
internal sealed class Subscription
{
    private readonly byte[][]? _utf8Tags;

    public Subscription(string topic, MessageSelector selector, long version)
    {
        Topic = topic;
        Selector = selector;
        Data = SubscriptionData.From(topic, selector, version);
        _utf8Tags = selector.Tags.Count == 0 ? null : [.. selector.Tags.Select(Encoding.UTF8.GetBytes)];
    }

    public string Topic { get; }

    public MessageSelector Selector { get; }

    public SubscriptionData Data { get; }

    /// <summary>
    /// The tags, or the condition, told with every pull: of what members tell in heartbeats a broker believes the one with the
    /// latest time, and a condition it keeps for a day longer than its group. A member whose clock is ahead, or was set back
    /// since, would have everybody's messages left out by its own selector. Brokers remember the conditions they have read.
    /// Null where all are wanted.
    /// </summary>
    public string? SentWithPulls => Selector == MessageSelector.All ? null : Data.SubString;

    /// <summary>
    /// Whether the group wants the message. The broker filters by hash codes only, which different tags can share;
    /// here the tag itself is looked at.
    /// </summary>
    public bool Wants(MessageExt message) => _utf8Tags is null || message.HasTagIn(_utf8Tags);
}

/// <summary>The topics a group consumes now, its retry topic included. Thread-safe.</summary>
internal sealed class SubscriptionTable
{
    private volatile Dictionary<string, Subscription> _byTopic;

    public SubscriptionTable(string group, IEnumerable<KeyValuePair<string, MessageSelector>> subscriptions, long version, bool retries = true)
    {
        RetryTopic = SystemTopics.Retry(group);
        _byTopic = subscriptions.ToDictionary(
            pair => pair.Key, pair => new Subscription(pair.Key, pair.Value, version), StringComparer.Ordinal);
        if (retries)
        {
            _byTopic[RetryTopic] = new Subscription(RetryTopic, MessageSelector.All, version);
        }
    }

    /// <summary>Where failed messages of the group come back from.</summary>
    public string RetryTopic { get; }

    public IEnumerable<Subscription> All => _byTopic.Values;

    public bool Has(string topic) => _byTopic.ContainsKey(topic);

    public Subscription? Find(string topic) => _byTopic.GetValueOrDefault(topic);

    /// <summary>Puts other subscriptions in the place of all but the retry topic's; those that are not active are left out.</summary>
    /// <returns>The topics that came, went, or have another selector. One caller at a time.</returns>
    public IReadOnlySet<string> Replace(IEnumerable<SubscriptionInfo> subscriptions)
    {
        var before = _byTopic;
        var after = before.Where(pair => pair.Key == RetryTopic).ToDictionary(StringComparer.Ordinal);
        var changed = before.Keys.Where(topic => topic != RetryTopic).ToHashSet(StringComparer.Ordinal);
        foreach (var subscription in subscriptions.Where(subscription => subscription.IsActive))
        {
            var known = before.GetValueOrDefault(subscription.Topic);
            if (known is not null && known.Selector == subscription.Selector)
            {
                changed.Remove(subscription.Topic);
            }
            else
            {
                changed.Add(subscription.Topic);
            }

            after[subscription.Topic] = known is not null && known.Selector == subscription.Selector && known.Data.SubVersion == subscription.Version
                ? known
                : new Subscription(subscription.Topic, subscription.Selector, subscription.Version);
        }

        _byTopic = after;
        return changed;
    }
}
