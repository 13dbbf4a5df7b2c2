using System.Globalization;
using System.Net;
using System.Text;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Embedded.Settings;
using OrleansRocketMQ.Embedded.Store;
using OrleansRocketMQ.Embedded.Topics;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Embedded.Intake;

/// <summary>
/// The one way into the store: checks sizes, and puts a message with a delay level where it waits. Mirrors
/// <c>HookUtils</c> and <c>DefaultMessageStore.putMessage</c>.
/// </summary>
internal sealed class MessageIntake(
    MessageStore store, DelayLevels delays, bool timers, bool lightQueues, int maxMessageSize, Func<IPEndPoint> storeHost)
{
    private const int LongestTopic = 255;

    private readonly MessageDecoderOptions _decoding = new() { Decompressors = MessageDecompressors.Default };

    public Refusal TooLarge => new(
        ResponseCodes.MessageIllegal,
        "the message is illegal, maybe msg body or properties length not matched. "
            + $"msg body length limit {maxMessageSize}B, msg properties length limit 32KB.");

    /// <summary>Stores a message.</summary>
    /// <returns>
    /// False when it has no body, is too large in one of its parts, or claims to be a batch that the topic does not take.
    /// </returns>
    public bool TryPut(OutgoingMessage message, out Placement placement)
    {
        placement = default;
        if (message.Body.IsEmpty)
        {
            // On the way to a real broker a body of no bytes becomes none at all, which HookUtils.checkBeforePutMessage
            // refuses. What stands in a batch is not looked at.
            return false;
        }

        message.Refusal = TimerProperties.Apply(message, store.Now, timers);
        if (message.Refusal is not null)
        {
            return false;
        }

        if (message.DelayLevel > 0)
        {
            // Beyond the last level means the last level.
            message.DelayLevel = Math.Min(message.DelayLevel, delays.Max);
            message.Properties[MessageProperties.RealTopic] = message.Topic;
            message.Properties[MessageProperties.RealQueueId] = message.QueueId.ToString(CultureInfo.InvariantCulture);
            if (message.Properties.ContainsKey(MessageProperties.DelayTimeLevel))
            {
                message.Properties[MessageProperties.DelayTimeLevel] = message.DelayLevel.ToString(CultureInfo.InvariantCulture);
            }

            message.Topic = SystemTopics.Schedule;
            message.QueueId = message.DelayLevel - 1;
        }

        if (!IsAllowed(message))
        {
            return false;
        }

        if (LightQueuesOf(message) is { Length: > 0 } names)
        {
            return TryPutToLightQueues(message, names, out placement);
        }

        if (!TryEncode(message, out var record))
        {
            return false;
        }

        var tagHash = TagHash.Of(message.Properties.GetValueOrDefault(MessageProperties.Tags));
        placement = store.Append([(record, tagHash)], new(message.Topic, message.QueueId))[0];
        return true;
    }

    /// <summary>Stores the messages of a batch one behind the other; they share all but body, flag and properties.</summary>
    /// <returns>False when the batch, or one of its messages, is too large.</returns>
    public bool TryPutBatch(OutgoingMessage batch, out Placement[] placements)
    {
        placements = [];
        if (batch.Body.Length > maxMessageSize || !IsAllowed(batch))
        {
            return false;
        }

        // What belongs to the batch as a whole comes last and so wins over the message's own, as in RocketMQ.
        var common = Encoding.UTF8.GetBytes(StoredProperties.Encode(batch.Properties));
        var records = new List<(byte[], int)>();
        foreach (var item in MessageBatchCodec.Decode(batch.Body))
        {
            if (MessageProperties.TryFind(item.StoredProperties.Span, "INNER_MULTI_QUEUE_OFFSET"u8, out _))
            {
                // Only brokers say so, of what they have listed.
                return false;
            }

            var single = new OutgoingMessage
            {
                Topic = batch.Topic,
                QueueId = batch.QueueId,
                Body = item.Body,
                Properties = batch.Properties,
                Flag = item.Flag,
                SysFlag = batch.SysFlag,
                BornTimestamp = batch.BornTimestamp,
                BornHost = batch.BornHost,
                ReconsumeTimes = batch.ReconsumeTimes,
            };
            if (!TryEncode(single, StoredProperties.Join(item.StoredProperties.Span, common), out var record))
            {
                return false;
            }

            records.Add((record, TagHash.Of(RecordLayout.Properties(record))));
        }

        placements = store.Append(records, new(batch.Topic, batch.QueueId));
        return true;
    }

    /// <summary>
    /// Stores a batch as one record, for a topic that keeps batches whole: each of its messages has an offset, and whoever asks for one
    /// of them gets them all. Mirrors <c>MessageExtBatch</c> with <c>isInnerBatch</c>, and <c>BatchConsumeQueue.assignQueueOffset</c>.
    /// </summary>
    /// <returns>False when it is too large or there is nothing in it.</returns>
    public bool TryPutWhole(OutgoingMessage batch, out Placement placement)
    {
        placement = default;
        var count = MessageBatchCodec.Decode(batch.Body).Count;
        if (batch.Body.Length > maxMessageSize || count is 0 or > short.MaxValue || !IsAllowed(batch))
        {
            return false;
        }

        batch.SysFlag |= MessageSysFlag.InnerBatch | MessageSysFlag.NeedUnwrap;
        batch.Properties[MessageProperties.InnerNumber] = count.ToString(CultureInfo.InvariantCulture);
        var tagHash = TagHash.Of(batch.Properties.GetValueOrDefault(MessageProperties.Tags));
        var stored = store.AppendOne(new(batch.Topic, batch.QueueId), count, [], (offset, _) =>
        {
            batch.Properties[MessageProperties.InnerBase] = offset.ToString(CultureInfo.InvariantCulture);
            return TryEncode(batch, out var record) ? (record, tagHash) : null;
        });
        placement = stored ?? default;
        return stored is not null;
    }

    /// <summary>Reads the stored message that begins at an offset of the commit log.</summary>
    public bool TryRead(long logOffset, out MessageExt message, out ReadOnlyMemory<byte> storedBody)
    {
        message = null!;
        storedBody = default;
        if (!store.TryReadRecord(logOffset, out var record))
        {
            return false;
        }

        message = RecordLayout.Decode(record, _decoding);
        storedBody = RecordLayout.BodyMemory(record);
        return true;
    }

    public string OffsetId(long logOffset) => OffsetMessageId.Format(storeHost(), logOffset);

    // Producers send batches, and only brokers make inner ones of them. Mirrors HookUtils.checkInnerBatch.
    private static bool IsAllowed(OutgoingMessage message)
        => (message.SysFlag & MessageSysFlag.InnerBatch) == 0 && !message.Properties.ContainsKey(MessageProperties.InnerNumber);

    private string[] LightQueuesOf(OutgoingMessage message)
        => lightQueues
            && ReservedTopics.MayNameLightQueues(message.Topic)
            && message.Properties.TryGetValue(MessageProperties.MultiDispatch, out var names)
                ? LightQueues.NamesOf(names)
                : [];

    /// <summary>What a message says of its places in light queues is only known when it has them. Mirrors <c>LmqDispatch</c>.</summary>
    private bool TryPutToLightQueues(OutgoingMessage message, string[] names, out Placement placement)
    {
        var tagHash = TagHash.Of(message.Properties.GetValueOrDefault(MessageProperties.Tags));
        var stored = store.AppendOne(
            new(message.Topic, message.QueueId),
            offsets: 1,
            [.. names.Select(name => new TopicQueue(name, 0))],
            (_, offsets) =>
            {
                message.Properties[MessageProperties.MultiDispatch] = string.Join(',', names);
                message.Properties[MessageProperties.MultiQueueOffset] = string.Join(',', offsets);
                return TryEncode(message, out var record) ? (record, tagHash) : null;
            });
        placement = stored ?? default;
        return stored is not null;
    }

    private bool TryEncode(OutgoingMessage message, out byte[] record)
        => TryEncode(message, Encoding.UTF8.GetBytes(StoredProperties.Encode(message.Properties)), out record);

    private bool TryEncode(OutgoingMessage message, byte[] properties, out byte[] record)
    {
        record = [];
        var topicLength = Encoding.UTF8.GetByteCount(message.Topic);
        if (topicLength > LongestTopic
            || (topicLength > sbyte.MaxValue && !SystemTopics.IsRetry(message.Topic))
            || message.Body.Length > maxMessageSize
            || properties.Length > short.MaxValue)
        {
            return false;
        }

        record = new StoredMessage
        {
            Topic = message.Topic,
            QueueId = message.QueueId,
            Body = message.Body,
            StoredProperties = properties,
            Flag = message.Flag,
            SysFlag = message.SysFlag,
            BornTimestamp = message.BornTimestamp,
            BornHost = message.BornHost,
            StoreHost = storeHost(),
            ReconsumeTimes = message.ReconsumeTimes,
            PreparedTransactionOffset = message.PreparedTransactionOffset,
        }.Encode();
        return true;
    }
}
