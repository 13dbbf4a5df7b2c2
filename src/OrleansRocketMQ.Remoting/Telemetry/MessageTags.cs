using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace OrleansRocketMQ.Telemetry;

/// <summary>What an activity tells of the one message it is about, sent or received. Properties a message does not have are null.</summary>
internal readonly record struct MessageTags
{
    /// <summary>The id its sender gave.</summary>
    public string? UniqueKey { get; private init; }

    private string? Tag { get; init; }

    private string? Keys { get; init; }

    private string? ShardingKey { get; init; }

    private string? DelayLevel { get; init; }

    private string? DeliverAt { get; init; }

    private string? DelayMilliseconds { get; init; }

    private string? DelaySeconds { get; init; }

    private int BodySize { get; init; }

    private long BornTimestamp { get; init; }

    private bool IsTransaction { get; init; }

    /// <summary>Of a message that is sent.</summary>
    /// <param name="message">The message.</param>
    /// <param name="now">When, in milliseconds since 1970.</param>
    public static MessageTags Of(Message message, long now) => new()
    {
        UniqueKey = message[MessageProperties.UniqueKey],
        Tag = message[MessageProperties.Tags],
        Keys = message[MessageProperties.Keys],
        ShardingKey = message[MessageProperties.ShardingKey],
        DelayLevel = message[MessageProperties.DelayTimeLevel],
        DeliverAt = message[MessageProperties.TimerDeliverMilliseconds],
        DelayMilliseconds = message[MessageProperties.TimerDelayMilliseconds],
        DelaySeconds = message[MessageProperties.TimerDelaySeconds],
        BodySize = message.Body.Length,
        BornTimestamp = now,
        IsTransaction = message[MessageProperties.TransactionPrepared] is not null,
    };

    /// <summary>Of a message that was received. One walk over its properties finds all: this is done for every message.</summary>
    public static MessageTags Of(MessageExt message)
    {
        ReadOnlySpan<byte> uniqueKey = default, tag = default, keys = default, shardingKey = default;
        ReadOnlySpan<byte> delayLevel = default, deliverAt = default, delayMilliseconds = default, delaySeconds = default;
        foreach (var property in new PropertyEnumerator(message.StoredProperties))
        {
            // Of several with one name the last holds.
            switch (property.Name)
            {
                case var name when name.SequenceEqual("UNIQ_KEY"u8):
                    uniqueKey = property.Value;
                    break;
                case var name when name.SequenceEqual("TAGS"u8):
                    tag = property.Value;
                    break;
                case var name when name.SequenceEqual("KEYS"u8):
                    keys = property.Value;
                    break;
                case var name when name.SequenceEqual("__SHARDINGKEY"u8):
                    shardingKey = property.Value;
                    break;
                case var name when name.SequenceEqual("DELAY"u8):
                    delayLevel = property.Value;
                    break;
                case var name when name.SequenceEqual("TIMER_DELIVER_MS"u8):
                    deliverAt = property.Value;
                    break;
                case var name when name.SequenceEqual("TIMER_DELAY_MS"u8):
                    delayMilliseconds = property.Value;
                    break;
                case var name when name.SequenceEqual("TIMER_DELAY_SEC"u8):
                    delaySeconds = property.Value;
                    break;
            }
        }

        return new()
        {
            UniqueKey = TextOf(uniqueKey),
            Tag = TextOf(tag),
            Keys = TextOf(keys),
            ShardingKey = TextOf(shardingKey),
            DelayLevel = TextOf(delayLevel),
            DeliverAt = TextOf(deliverAt),
            DelayMilliseconds = TextOf(delayMilliseconds),
            DelaySeconds = TextOf(delaySeconds),
            BodySize = message.BodyLength,
            BornTimestamp = message.BornTimestamp,
            IsTransaction = message.TransactionState == TransactionState.Committed,
        };
    }

    /// <summary>Adds them; those the message does not have are left out. None may be there already.</summary>
    public void AddTo(Activity activity)
    {
        // Each is added without a search through those that are there.
        var delayLevel = NumberIn(DelayLevel) is { } level and > 0 ? (int)level : default(int?);
        var deliveryTimestamp = NumberIn(DeliverAt) ?? BornTimestamp + (NumberIn(DelayMilliseconds) ?? NumberIn(DelaySeconds) * 1000);
        var type = IsTransaction ? "transaction"
            : delayLevel is not null || deliveryTimestamp is not null ? "delay"
            : ShardingKey is not null ? "fifo"
            : "normal";
        activity.AddTag(MessagingAttributes.BodySize, BodySize);
        activity.AddTag(MessagingAttributes.MessageType, type);
        AddIfAny(activity, MessagingAttributes.Tag, Tag);
        AddIfAny(
            activity,
            MessagingAttributes.Keys,
            Keys?.Split(MessageProperties.KeySeparator, StringSplitOptions.RemoveEmptyEntries));
        AddIfAny(activity, MessagingAttributes.MessageGroup, ShardingKey);
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

    // A property that is stored has a value of at least one character.
    private static string? TextOf(ReadOnlySpan<byte> value) => value.IsEmpty ? null : Encoding.UTF8.GetString(value);

    private static long? NumberIn(string? text)
        => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
}
