using System.Text;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Engine.Subscriptions;

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
