using System.Diagnostics;
using System.Globalization;

namespace OrleansRocketMQ.Telemetry;

/// <summary>What an activity tells of the one message it is about, sent or received.</summary>
/// <param name="Property">Finds a property of the message.</param>
/// <param name="BodySize">The length of its body in bytes.</param>
/// <param name="BornTimestamp">When it was sent, in milliseconds since 1970.</param>
/// <param name="IsTransaction">Whether it is part of a transaction.</param>
internal readonly record struct MessageTags(Func<string, string?> Property, int BodySize, long BornTimestamp, bool IsTransaction)
{
    // RocketMQ 5: delivered at a time, or after some.
    private const string DeliverAt = "TIMER_DELIVER_MS";
    private const string DelayMilliseconds = "TIMER_DELAY_MS";
    private const string DelaySeconds = "TIMER_DELAY_SEC";

    private string? ShardingKey => Property(MessageProperties.ShardingKey);

    private int? DelayLevel => NumberIn(MessageProperties.DelayTimeLevel) is { } level and > 0 ? (int)level : null;

    private long? DeliveryTimestamp => NumberIn(DeliverAt)
        ?? BornTimestamp + (NumberIn(DelayMilliseconds) ?? NumberIn(DelaySeconds) * 1000);

    private string Type => IsTransaction ? "transaction"
        : DelayLevel is not null || DeliveryTimestamp is not null ? "delay"
        : ShardingKey is not null ? "fifo"
        : "normal";

    /// <summary>Sets them; those the message does not have are left out.</summary>
    public void SetOn(Activity activity)
    {
        activity.SetTag(MessagingAttributes.BodySize, BodySize);
        activity.SetTag(MessagingAttributes.MessageType, Type);
        activity.SetTag(MessagingAttributes.Tag, Property(MessageProperties.Tags));
        activity.SetTag(
            MessagingAttributes.Keys,
            Property(MessageProperties.Keys)?.Split(MessageProperties.KeySeparator, StringSplitOptions.RemoveEmptyEntries));
        activity.SetTag(MessagingAttributes.MessageGroup, ShardingKey);
        activity.SetTag(MessagingAttributes.DelayLevel, DelayLevel);
        activity.SetTag(MessagingAttributes.DeliveryTimestamp, DeliveryTimestamp);
    }

    private long? NumberIn(string property)
        => long.TryParse(Property(property), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
}
