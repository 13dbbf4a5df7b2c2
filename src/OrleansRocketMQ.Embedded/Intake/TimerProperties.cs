using System.Globalization;
using System.Text;
using OrleansRocketMQ.Embedded.Store;
using OrleansRocketMQ.Embedded.Topics;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Embedded.Intake;

/// <summary>
/// Messages that are to come at a time of their own instead of after a level's: where they wait and for how long.
/// Mirrors <c>HookUtils.transformTimerMessage</c>.
/// </summary>
internal static class TimerProperties
{
    public static readonly TopicQueue Queue = new(ReservedTopics.Timer, 0);

    private const string DelaySeconds = MessageProperties.TimerDelaySeconds;
    private const string DelayMilliseconds = MessageProperties.TimerDelayMilliseconds;
    private const string DeliverAt = MessageProperties.TimerDeliverMilliseconds;
    private const string Slot = MessageProperties.TimerOutMilliseconds;
    public const string DeleteKey = "TIMER_DEL_UNIQKEY";

    // Of RocketMQ: timerPrecisionMs and timerMaxDelaySec.
    private const long Precision = 1000;
    public const long LongestDelay = 3 * 24 * 3600 * 1000L;

    /// <summary>Puts a message with such a property where it waits.</summary>
    /// <param name="message">The message.</param>
    /// <param name="now">The broker's time.</param>
    /// <param name="enabled">Whether the broker holds messages to a time at all.</param>
    /// <returns>Why it is refused; null when it is not.</returns>
    public static Refusal? Apply(OutgoingMessage message, long now, bool enabled)
    {
        var properties = message.Properties;
        if (message.DelayLevel > 0)
        {
            properties.Remove(DeliverAt);
            properties.Remove(DelaySeconds);
            properties.Remove(DelayMilliseconds);
            return null;
        }

        // One that has a slot has waited already; a half message waits once it is committed.
        if (message.Topic is ReservedTopics.HalfTopic or ReservedTopics.Timer || properties.ContainsKey(Slot))
        {
            return null;
        }

        if (!enabled && HasTime(properties))
        {
            return new(ResponseCodes.SystemError, "accurate timer message is not enabled, timerWheelEnable is false");
        }

        if (!TryGetTime(properties, now, out var due))
        {
            return Illegal;
        }

        if (due > now)
        {
            properties[Slot] = ((due - 1) / Precision * Precision).ToString(CultureInfo.InvariantCulture);
            properties[MessageProperties.RealTopic] = message.Topic;
            properties[MessageProperties.RealQueueId] = message.QueueId.ToString(CultureInfo.InvariantCulture);
            message.Topic = Queue.Topic;
            message.QueueId = Queue.QueueId;
        }

        return due - now > LongestDelay || (due <= now && properties.ContainsKey(DeleteKey)) ? Illegal : null;
    }

    /// <summary>When a message that waits is to come: at the end of its slot. Null when it has none.</summary>
    public static long? DueOf(ReadOnlyMemory<byte> record)
        => MessageProperties.TryFind(RecordLayout.Properties(record.Span), "TIMER_OUT_MS"u8, out var slot)
            && long.TryParse(Encoding.UTF8.GetString(slot), NumberStyles.None, CultureInfo.InvariantCulture, out var time)
            ? time + Precision
            : null;

    /// <summary>How a message that waits is named to be deleted.</summary>
    public static string DeleteKeyOf(string topic, string uniqueKey) => $"{topic}+{uniqueKey}";

    /// <summary>The name of the message that this one deletes; null: it deletes none.</summary>
    public static string? DeletedBy(ReadOnlyMemory<byte> record)
        => MessageProperties.TryFind(RecordLayout.Properties(record.Span), "TIMER_DEL_UNIQKEY"u8, out var key)
            ? Encoding.UTF8.GetString(key)
            : null;

    private static Refusal Illegal => new(
        ResponseCodes.MessageIllegal,
        $"timer message illegal, the delay time should not be bigger than the max delay {LongestDelay}ms; "
            + "or if set del msg, the delay time should be bigger than the current time");

    private static bool HasTime(Dictionary<string, string> properties)
        => properties.ContainsKey(DelaySeconds) || properties.ContainsKey(DelayMilliseconds) || properties.ContainsKey(DeliverAt);

    // No property at all means now.
    private static bool TryGetTime(Dictionary<string, string> properties, long now, out long time)
    {
        time = now;
        if (properties.TryGetValue(DelaySeconds, out var text))
        {
            return TryAdd(text, 1000, now, out time);
        }

        if (properties.TryGetValue(DelayMilliseconds, out text))
        {
            return TryAdd(text, 1, now, out time);
        }

        return !properties.TryGetValue(DeliverAt, out text) || TryAdd(text, 1, 0, out time);
    }

    private static bool TryAdd(string text, long unit, long since, out long time)
    {
        var isNumber = long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number);
        time = isNumber ? since + (Math.Clamp(number, -long.MaxValue / 2000, long.MaxValue / 2000) * unit) : 0;
        return isNumber;
    }
}
