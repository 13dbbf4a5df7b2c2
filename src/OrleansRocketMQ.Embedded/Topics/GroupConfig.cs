using System.Collections.Concurrent;

namespace OrleansRocketMQ.Embedded.Topics;

/// <summary>A consumer group's settings. Immutable. Mirrors <c>SubscriptionGroupConfig</c>.</summary>
internal sealed record GroupConfig(string Name)
{
    public bool ConsumeEnable { get; init; } = true;

    public bool ConsumeFromMinEnable { get; init; } = true;

    public bool ConsumeBroadcastEnable { get; init; } = true;

    public bool ConsumeMessageOrderly { get; init; }

    public int RetryQueueNums { get; init; } = 1;

    public int RetryMaxTimes { get; init; } = 16;

    /// <summary>How long failed messages wait, in RocketMQ's JSON: kept for clients that ask.</summary>
    public string RetryPolicy { get; init; } = "{\"type\":\"CUSTOMIZED\"}";

    public long BrokerId { get; init; }

    public long WhichBrokerWhenConsumeSlowly { get; init; } = 1;

    public bool NotifyConsumerIdsChangedEnable { get; init; } = true;

    public int GroupSysFlag { get; init; }

    public int ConsumeTimeoutMinute { get; init; } = 15;
}

/// <summary>A broker's consumer groups. Mirrors <c>SubscriptionGroupManager</c>. Thread-safe.</summary>
internal sealed class GroupTable(bool autoCreate)
{
    private const int MaxNameLength = 255;

    private readonly ConcurrentDictionary<string, GroupConfig> _groups = new(StringComparer.Ordinal);

    /// <summary>Raised when a group was made or changed.</summary>
    public event Action? Changed;

    public IEnumerable<GroupConfig> All => _groups.Values;

    public bool Contains(string group) => _groups.ContainsKey(group);

    public void Load(GroupConfig group) => _groups[group.Name] = group;

    public void Set(GroupConfig group)
    {
        _groups[group.Name] = group;
        Changed?.Invoke();
    }

    /// <summary>The group, made with the defaults when unknown; null when it may not be made.</summary>
    public GroupConfig? Find(string group)
    {
        if (_groups.TryGetValue(group, out var known))
        {
            return known;
        }

        if (!autoCreate || group.Length is 0 or > MaxNameLength || ReservedTopics.HasIllegalCharacters(group))
        {
            return null;
        }

        var added = _groups.GetOrAdd(group, static name => new GroupConfig(name));
        Changed?.Invoke();
        return added;
    }
}
