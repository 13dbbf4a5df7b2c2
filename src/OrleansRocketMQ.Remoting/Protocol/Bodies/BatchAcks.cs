using System.Globalization;
using System.Text.Json.Serialization;

namespace OrleansRocketMQ.Protocol;

/// <summary>Acknowledges many popped messages at once. Mirrors <c>BatchAckMessageRequestBody</c>.</summary>
internal sealed record BatchAckRequest
{
    /// <summary>The broker set they came from.</summary>
    public string? BrokerName { get; init; }

    /// <summary>The messages, one entry for those of one pop of one queue.</summary>
    public IReadOnlyList<BatchAck> Acks { get; init => field = Present.Of(value); } = [];

    /// <summary>Builds the request of messages of one topic and broker, whatever pops they came with.</summary>
    /// <param name="topic">The topic popped, as it is on the wire.</param>
    /// <param name="consumerGroup">By which group, as it is on the wire.</param>
    /// <param name="handles">The messages.</param>
    /// <exception cref="RocketMQValidationException">A handle's offset lies before its pop or too far behind it.</exception>
    public static BatchAckRequest Of(string topic, string consumerGroup, IReadOnlyCollection<ReceiptHandle> handles) => new()
    {
        BrokerName = handles.FirstOrDefault().BrokerName,
        Acks =
        [
            .. handles.GroupBy(handle => handle with { QueueOffset = 0 })
                .Select(pop => BatchAck.Of(topic, consumerGroup, pop.Key, pop.Select(handle => handle.QueueOffset))),
        ],
    };
}

/// <summary>Those of the messages of one pop of one queue that are acknowledged. Mirrors <c>BatchAck</c>.</summary>
internal sealed record BatchAck
{
    /// <summary>How far behind the beginning of its pop a message may lie.</summary>
    public const int LongestPop = 1 << 16;

    /// <summary>The group.</summary>
    [JsonPropertyName("c")]
    public string ConsumerGroup { get; init; } = string.Empty;

    /// <summary>The topic that was popped.</summary>
    [JsonPropertyName("t")]
    public string Topic { get; init; } = string.Empty;

    /// <summary>The number of a <see cref="PopTopicKind"/>.</summary>
    [JsonPropertyName("r")]
    public string Retry { get; init; } = string.Empty;

    /// <summary>Where the pop began.</summary>
    [JsonPropertyName("so")]
    public long StartOffset { get; init; }

    /// <summary>The queue.</summary>
    [JsonPropertyName("q")]
    public int QueueId { get; init; }

    /// <summary>Where the checkpoint is.</summary>
    [JsonPropertyName("rq")]
    public int ReviveQueueId { get; init; }

    /// <summary>When it was, milliseconds since 1970 UTC.</summary>
    [JsonPropertyName("pt")]
    public long PopTime { get; init; }

    /// <summary>For how long nobody else gets them, milliseconds.</summary>
    [JsonPropertyName("it")]
    public long InvisibleTime { get; init; }

    /// <summary>A bit for each offset from the beginning on, the lowest first, as <c>BitSet.toByteArray</c> writes it.</summary>
    [JsonPropertyName("b")]
    public byte[]? BitSet { get; init; }

    /// <summary>Builds the entry of one pop.</summary>
    public static BatchAck Of(string topic, string consumerGroup, ReceiptHandle pop, IEnumerable<long> offsets) => new()
    {
        ConsumerGroup = consumerGroup,
        Topic = topic,
        Retry = ((int)pop.Kind).ToString(CultureInfo.InvariantCulture),
        StartOffset = pop.CheckpointOffset,
        QueueId = pop.QueueId,
        ReviveQueueId = pop.ReviveQueueId,
        PopTime = pop.PopTime,
        InvisibleTime = pop.InvisibleTime,
        BitSet = BitsOf([.. offsets.Select(offset => DistanceOf(offset, pop.CheckpointOffset))]),
    };

    /// <summary>The offsets whose bits are set.</summary>
    public IEnumerable<long> Offsets()
    {
        var bytes = BitSet ?? [];
        for (var bit = 0; bit < Math.Min(bytes.Length * 8, LongestPop); bit++)
        {
            if ((bytes[bit / 8] & (1 << (bit % 8))) != 0)
            {
                yield return StartOffset + bit;
            }
        }
    }

    private static int DistanceOf(long offset, long start)
        => offset >= start && offset - start < LongestPop
            ? (int)(offset - start)
            : throw new RocketMQValidationException("Queue offset of a receipt handle", offset, $"{start} or up to {LongestPop - 1} more");

    private static byte[] BitsOf(int[] bits)
    {
        var bytes = new byte[(bits.Max() / 8) + 1];
        foreach (var bit in bits)
        {
            bytes[bit / 8] |= (byte)(1 << (bit % 8));
        }

        return bytes;
    }
}
