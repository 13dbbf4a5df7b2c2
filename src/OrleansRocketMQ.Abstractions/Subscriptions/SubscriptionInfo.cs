using Orleans;

namespace OrleansRocketMQ;

/// <summary>What a group wants of a topic.</summary>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.SubscriptionInfo")]
public sealed record SubscriptionInfo
{
    /// <summary>The topic.</summary>
    [Id(0)]
    public required string Topic { get; init; }

    /// <summary>Which of its messages.</summary>
    [Id(1)]
    public required MessageSelector Selector { get; init; }

    /// <summary>Whether it is consumed; one that is not stays listed and can be activated again.</summary>
    [Id(2)]
    public bool IsActive { get; init; } = true;

    /// <summary>When it was last changed, milliseconds since 1970 UTC; brokers let the newest count.</summary>
    [Id(3)]
    public long Version { get; init; }
}

/// <summary>What became of the requests to a group's subscriptions on one silo since it started.</summary>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.SubscriptionMetrics")]
public sealed record SubscriptionMetrics
{
    /// <summary>Subscriptions there are now.</summary>
    [Id(0)]
    public int Count { get; init; }

    /// <summary>Those of them that are consumed.</summary>
    [Id(1)]
    public int Active { get; init; }

    /// <summary>Changes that were made: subscribed, unsubscribed, other selector, activated, deactivated, cleared, imported.</summary>
    [Id(2)]
    public long Changes { get; init; }

    /// <summary>Requests refused because the topic has another selector.</summary>
    [Id(3)]
    public long Conflicts { get; init; }

    /// <summary>Requests refused for any other reason.</summary>
    [Id(4)]
    public long Refused { get; init; }

    /// <summary>Times this silo changed what it consumes, after changes asked for anywhere in the cluster.</summary>
    [Id(5)]
    public long Applied { get; init; }
}
