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

    /// <summary>Adds them; those the message does not have are left out. None may be there already.</summary>
    public void AddTo(Activity activity)
    {
        // Each is looked for once, and added without a search through those that are there: this is done for every message.
        var delayLevel = NumberIn(MessageProperties.DelayTimeLevel) is { } level and > 0 ? (int)level : default(int?);
        var deliveryTimestamp = NumberIn(DeliverAt) ?? BornTimestamp + (NumberIn(DelayMilliseconds) ?? NumberIn(DelaySeconds) * 1000);
        var shardingKey = Property(MessageProperties.ShardingKey);
        var type = IsTransaction ? "transaction"
            : delayLevel is not null || deliveryTimestamp is not null ? "delay"
            : shardingKey is not null ? "fifo"
            : "normal";
        activity.AddTag(MessagingAttributes.BodySize, BodySize);
        activity.AddTag(MessagingAttributes.MessageType, type);
        AddIfAny(activity, MessagingAttributes.Tag, Property(MessageProperties.Tags));
        AddIfAny(
            activity,
            MessagingAttributes.Keys,
            Property(MessageProperties.Keys)?.Split(MessageProperties.KeySeparator, StringSplitOptions.RemoveEmptyEntries));
        AddIfAny(activity, MessagingAttributes.MessageGroup, shardingKey);
        AddIfAny(activity, MessagingAttributes.DelayLevel, delayLevel);
        AddIfAny(activity, MessagingAttributes.DeliveryTimestamp, deliveryTimestamp);
    }

    private static void AddIfAny(Activity activity, string name, object? value)
    {
        if (value is not null)
        {
            activity.AddTag(name, value);
        }
    }

    private long? NumberIn(string property)
        => long.TryParse(Property(property), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
}
