using System.Globalization;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ;

/// <summary>Which topic a message was popped from.</summary>
public enum PopTopicKind
{
    /// <summary>The one asked for.</summary>
    Normal = 0,

    /// <summary>The group's retry topic of version 1, <see cref="SystemTopics.PopRetryV1"/>.</summary>
    RetryV1 = 1,

    /// <summary>The group's retry topic of version 2, <see cref="SystemTopics.PopRetryV2"/>.</summary>
    RetryV2 = 2,
}

/// <summary>
/// What a broker must be told to acknowledge a message that was popped, or to change how long others do not see it: one delivery
/// of one message. A change of the invisible time makes a new handle, and only that one counts from then on. Immutable.
/// As text, which is property <c>POP_CK</c> and field <c>extraInfo</c>, it is
/// <c>checkpointOffset popTime invisibleTime reviveQueueId kind brokerName queueId queueOffset</c>. Mirrors <c>ExtraInfoUtil</c>.
/// </summary>
/// <param name="CheckpointOffset">Where the pop began in the queue, the offset its checkpoint is known by at the broker.</param>
/// <param name="PopTime">When the message was popped by the broker's clock, milliseconds since 1970 UTC.</param>
/// <param name="InvisibleTime">For how long from then on nobody else gets it, milliseconds.</param>
/// <param name="ReviveQueueId">Where the broker keeps the checkpoint; <see cref="OrderedReviveQueueId"/> when popped in order.</param>
/// <param name="Kind">Which topic it was popped from.</param>
/// <param name="BrokerName">The broker set it came from.</param>
/// <param name="QueueId">The queue of that topic.</param>
/// <param name="QueueOffset">Its position there.</param>
public readonly record struct ReceiptHandle(
    long CheckpointOffset,
    long PopTime,
    long InvisibleTime,
    int ReviveQueueId,
    PopTopicKind Kind,
    string BrokerName,
    int QueueId,
    long QueueOffset)
{
    /// <summary>The <see cref="ReviveQueueId"/> of what was popped in order.</summary>
    public const int OrderedReviveQueueId = 999;

    // Numbers of 19 digits and a name; nothing a broker gives comes near it.
    private const int LongestText = 1024;
    private const int PartCount = 8;

    /// <summary>Whether it was popped in order: such a message comes again in its own queue, not through a retry topic.</summary>
    public bool IsOrdered => ReviveQueueId == OrderedReviveQueueId;

    /// <summary>When others may get the message, unless it is acknowledged; by the broker's clock, milliseconds since 1970 UTC.</summary>
    public long VisibleTime => InvisibleTime > long.MaxValue - PopTime ? long.MaxValue : PopTime + InvisibleTime;

    /// <summary>The topic the message really lies in, which acknowledgements must name.</summary>
    /// <param name="topic">The topic that was popped.</param>
    /// <param name="consumerGroup">By which group.</param>
    public string TopicOf(string topic, string consumerGroup) => Kind switch
    {
        PopTopicKind.RetryV1 => SystemTopics.PopRetryV1(topic, consumerGroup),
        PopTopicKind.RetryV2 => SystemTopics.PopRetryV2(topic, consumerGroup),
        _ => topic,
    };

    /// <summary>Reads a handle.</summary>
    /// <exception cref="MessageFormatException">The text is none; names the part that is wrong.</exception>
    public static ReceiptHandle Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.Length > LongestText)
        {
            throw new MessageFormatException("receipt handle", $"{text.Length} characters", $"at most {LongestText}");
        }

        Span<Range> parts = stackalloc Range[PartCount + 1];
        var chars = text.AsSpan();
        var count = chars.Split(parts, ' ');
        if (count != PartCount)
        {
            throw PopText.Bad("receipt handle", text, $"{PartCount} parts with a blank between them");
        }

        var name = chars[parts[5]];
        return new(
            PopText.Number("checkpoint offset of a receipt handle", chars[parts[0]]),
            PopText.Number("pop time of a receipt handle", chars[parts[1]]),
            PopText.Number("invisible time of a receipt handle", chars[parts[2]]),
            PopText.Id("revive queue id of a receipt handle", chars[parts[3]]),
            PopText.Kind(chars[parts[4]]),
            name.IsEmpty ? throw new MessageFormatException("broker name of a receipt handle", "''", "a name") : name.ToString(),
            PopText.Id("queue id of a receipt handle", chars[parts[6]]),
            PopText.Number("queue offset of a receipt handle", chars[parts[7]]));
    }

    /// <summary>The handle as text, see <see cref="ReceiptHandle"/>.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{CheckpointOffset} {PopTime} {InvisibleTime} {ReviveQueueId} {(int)Kind} {BrokerName} {QueueId} {QueueOffset}");

    /// <summary>The kind of the topic a stored message names.</summary>
    internal static PopTopicKind KindOf(string topic) => SystemTopics.IsPopRetryV2(topic) ? PopTopicKind.RetryV2
        : SystemTopics.IsRetry(topic) ? PopTopicKind.RetryV1
        : PopTopicKind.Normal;
}
