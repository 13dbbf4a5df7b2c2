using System.Globalization;
using System.Net;
using System.Text;
using OrleansRocketMQ.Embedded.Settings;
using OrleansRocketMQ.Embedded.Store;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Embedded.Intake;

/// <summary>
/// The one way into the store: checks sizes, and puts a message with a delay level where it waits. Mirrors
/// <c>HookUtils</c> and <c>DefaultMessageStore.putMessage</c>.
/// </summary>
internal sealed class MessageIntake(
    MessageStore store, DelayLevels delays, bool timers, int maxMessageSize, Func<IPEndPoint> storeHost)
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

        if (!IsAllowed(message) || !TryEncode(message, StoredProperties.Encode(message.Properties), out var record))
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
        var common = StoredProperties.Encode(batch.Properties);
        var records = new List<(byte[], int)>();
        foreach (var item in MessageBatchCodec.Decode(batch.Body))
        {
            var own = Encoding.UTF8.GetString(item.StoredProperties.Span);
            var separator = own.Length > 0 && common.Length > 0 && own[^1] != (char)2 ? "\u0002" : string.Empty;
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
            if (!TryEncode(single, own + separator + common, out var record))
            {
                return false;
            }

            records.Add((record, TagHash.Of(RecordLayout.Properties(record))));
        }

        placements = store.Append(records, new(batch.Topic, batch.QueueId));
        return true;
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

    // Inner batches belong into topics with a batch queue, which there are none of here. Mirrors HookUtils.checkInnerBatch.
    private static bool IsAllowed(OutgoingMessage message)
        => (message.SysFlag & MessageSysFlag.InnerBatch) == 0 && !message.Properties.ContainsKey(MessageProperties.InnerNumber);

    private bool TryEncode(OutgoingMessage message, string properties, out byte[] record)
    {
        record = [];
        var topicLength = Encoding.UTF8.GetByteCount(message.Topic);
        if (topicLength > LongestTopic
            || (topicLength > sbyte.MaxValue && !SystemTopics.IsRetry(message.Topic))
            || message.Body.Length > maxMessageSize
            || Encoding.UTF8.GetByteCount(properties) > short.MaxValue)
        {
            return false;
        }

        record = new StoredMessage
        {
            Topic = message.Topic,
            QueueId = message.QueueId,
            Body = message.Body,
            Properties = properties,
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
