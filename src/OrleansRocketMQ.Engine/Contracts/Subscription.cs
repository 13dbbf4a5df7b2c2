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
    /// The tags, told with every pull: of what members tell in heartbeats a broker believes the one with the latest time. A
    /// member whose clock is ahead, or was set back since, would have everybody's messages left out by its own tags. Null
    /// where all are wanted, and for a condition, which the broker would have to read anew each time.
    /// </summary>
    public string? SentWithPulls => _utf8Tags is null ? null : Data.SubString;

    /// <summary>
    /// Whether the group wants the message. The broker filters by hash codes only, which different tags can share;
    /// here the tag itself is looked at.
    /// </summary>
    public bool Wants(MessageExt message) => _utf8Tags is null || message.HasTagIn(_utf8Tags);
}
