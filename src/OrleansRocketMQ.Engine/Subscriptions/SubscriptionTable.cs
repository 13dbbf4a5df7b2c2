using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Engine.Subscriptions;

/// <summary>The topics a group consumes now, its retry topic included. Thread-safe.</summary>
internal sealed class SubscriptionTable
{
    private readonly Lock _gate = new();
    private volatile Dictionary<string, Subscription> _byTopic;
    private volatile Dictionary<string, string> _origins = [];

    public SubscriptionTable(
        string group, IEnumerable<KeyValuePair<string, MessageSelector>> subscriptions, long version, bool retries = true)
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

    /// <summary>The topic whose popped messages come again in a topic; null when it is no such retry topic.</summary>
    public string? OriginOf(string retryTopic) => _origins.GetValueOrDefault(retryTopic);

    /// <summary>Consumes a retry topic of pops as well, for as long as the group consumes the topic it is of.</summary>
    /// <returns>False: the group does not consume the topic, or that retry topic already.</returns>
    public bool AddRetriesOf(string topic, string retryTopic, long version)
    {
        lock (_gate)
        {
            if (!_byTopic.ContainsKey(topic) || _byTopic.ContainsKey(retryTopic))
            {
                return false;
            }

            _origins = new(_origins, StringComparer.Ordinal) { [retryTopic] = topic };
            _byTopic = new(_byTopic, StringComparer.Ordinal)
            {
                [retryTopic] = new Subscription(retryTopic, MessageSelector.All, version),
            };
            return true;
        }
    }

    /// <summary>Puts other subscriptions in the place of all but the retry topics'.</summary>
    /// <returns>The topics that came, went, or have another selector. One caller at a time.</returns>
    public IReadOnlySet<string> Replace(IEnumerable<WantedSubscription> subscriptions)
    {
        lock (_gate)
        {
            return ReplaceLocked([.. subscriptions]);
        }
    }

    private HashSet<string> ReplaceLocked(IReadOnlyCollection<WantedSubscription> subscriptions)
    {
        var before = _byTopic;
        var wanted = subscriptions.Select(static subscription => subscription.Topic).ToHashSet(StringComparer.Ordinal);
        var origins = _origins.Where(pair => wanted.Contains(pair.Value)).ToDictionary(StringComparer.Ordinal);
        var after = before.Where(pair => pair.Key == RetryTopic || origins.ContainsKey(pair.Key)).ToDictionary(StringComparer.Ordinal);
        var changed = before.Keys.Where(topic => !after.ContainsKey(topic)).ToHashSet(StringComparer.Ordinal);
        foreach (var subscription in subscriptions)
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

            after[subscription.Topic] = known is not null
                && known.Selector == subscription.Selector
                && known.Data.SubVersion == subscription.Version
                ? known
                : new Subscription(subscription.Topic, subscription.Selector, subscription.Version);
        }

        _origins = origins;
        _byTopic = after;
        return changed;
    }
}

/// <summary>A topic a group is to consume.</summary>
/// <param name="Topic">The topic.</param>
/// <param name="Selector">Which of its messages.</param>
/// <param name="Version">When that was decided, milliseconds since 1970 UTC; brokers let the newest count.</param>
internal readonly record struct WantedSubscription(string Topic, MessageSelector Selector, long Version);
