using System.Diagnostics;
using System.Globalization;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Telemetry;

namespace OrleansRocketMQ.Producing;

/// <summary>A message made ready once, to be sent to one queue or, when that fails, to another.</summary>
internal sealed class OutgoingMessage
{
    private readonly SendMessageRequest _template;

    private OutgoingMessage(Message message, SendMessageRequest template, string messageId)
    {
        Message = message;
        MessageId = messageId;
        _template = template;
    }

    public Message Message { get; }

    public string MessageId { get; }

    /// <summary>
    /// Makes one message ready. Its stored form carries the activity's context; the caller's object does not, as it may be
    /// sent again elsewhere.
    /// </summary>
    public static OutgoingMessage Of(Message message, ProducerOptions options, TimeProvider time, Activity? activity = null)
    {
        MessageChecks.Check(message, options.MaxMessageSize);
        GiveId(message);
        var sysFlag = MessageChecks.IsHalf(message) ? MessageSysFlag.TransactionPrepared : 0;
        var body = message.Body;
        if (body.Length >= options.CompressBodyFrom)
        {
            body = ZlibDecompressor.Compress(body.Span);
            sysFlag |= MessageSysFlag.Compressed | ((int)CompressionType.Zlib << 8);
        }

        // Brokers take these two from the header; in other topics they are properties like any other.
        var retry = SystemTopics.IsRetry(message.Topic);
        var reconsumeTimes = retry ? NumberIn(message, MessageProperties.ReconsumeTime) : null;
        var maxReconsumeTimes = retry ? NumberIn(message, MessageProperties.MaxReconsumeTimes) : null;
        return new(
            message,
            new SendMessageRequest
            {
                ProducerGroup = options.Group,
                Topic = message.Topic,
                BrokerName = string.Empty,
                QueueId = -1,
                Body = body,
                BornTimestamp = time.GetUtcNow().ToUnixTimeMilliseconds(),
                Properties = Properties(
                    retry
                        ? message.Properties.Where(property => property.Key
                            is not (MessageProperties.ReconsumeTime or MessageProperties.MaxReconsumeTimes))
                        : message.Properties,
                    activity is null ? null : TraceContext.PropertiesOf(activity, message)),
                SysFlag = sysFlag,
                Flag = message.Flag,
                DefaultTopic = options.DefaultTopic,
                DefaultTopicQueueNums = options.DefaultTopicQueueNums,
                ReconsumeTimes = reconsumeTimes ?? 0,
                MaxReconsumeTimes = maxReconsumeTimes,
            },
            message[MessageProperties.UniqueKey]!);
    }

    /// <summary>Makes several messages ready as one. Each carries the activity's context.</summary>
    public static OutgoingMessage OfBatch(
        IReadOnlyList<Message> messages,
        ProducerOptions options,
        TimeProvider time,
        Activity? activity = null)
    {
        MessageChecks.CheckBatch(messages, options.MaxMessageSize);
        foreach (var message in messages)
        {
            GiveId(message);
        }

        // The batch as a whole counts as a message of its own, with an id of its own.
        var parts = activity is null ? messages : [.. messages.Select(message => InTrace(message, activity))];
        var whole = new Message(messages[0].Topic, MessageBatchCodec.Encode(parts));
        whole[MessageProperties.WaitStoreMessageOk] = messages[0][MessageProperties.WaitStoreMessageOk];
        GiveId(whole);
        MessageChecks.CheckSize("the batch", whole.Body.Length, options.MaxMessageSize);
        return new(
            whole,
            new SendMessageRequest
            {
                ProducerGroup = options.Group,
                Topic = whole.Topic,
                BrokerName = string.Empty,
                QueueId = -1,
                Body = whole.Body,
                BornTimestamp = time.GetUtcNow().ToUnixTimeMilliseconds(),
                Properties = Properties(whole.Properties),
                DefaultTopic = options.DefaultTopic,
                DefaultTopicQueueNums = options.DefaultTopicQueueNums,
                Batch = true,
            },
            string.Join(',', messages.Select(message => message[MessageProperties.UniqueKey])));
    }

    /// <summary>Whether the broker is to hold it back to a time.</summary>
    public bool IsTimed => !_template.Batch && MessageChecks.IsTimed(Message);

    /// <summary>The same message, held back by a delay level instead of to a time; 0: not at all.</summary>
    public OutgoingMessage AtLevel(int level)
    {
        var properties = MessageProperties.Decode(System.Text.Encoding.UTF8.GetBytes(_template.Properties));
        properties.Remove(MessageProperties.TimerDelaySeconds);
        properties.Remove(MessageProperties.TimerDelayMilliseconds);
        properties.Remove(MessageProperties.TimerDeliverMilliseconds);
        if (level > 0)
        {
            properties[MessageProperties.DelayTimeLevel] = level.ToString(CultureInfo.InvariantCulture);
        }

        return new(Message, _template with { Properties = Properties(properties) }, MessageId);
    }

    /// <summary>What is sent.</summary>
    /// <param name="queueId">The queue, or the logical queue, it goes to.</param>
    /// <param name="brokerName">The broker set that is asked.</param>
    public SendMessageRequest To(int queueId, string brokerName) => _template with { BrokerName = brokerName, QueueId = queueId };

    private static Message InTrace(Message message, Activity activity)
    {
        if (TraceContext.PropertiesOf(activity, message) is not { } added)
        {
            return message;
        }

        var copy = new Message(message.Topic, message.Body) { Flag = message.Flag };
        foreach (var (name, value) in message.Properties.Concat(added))
        {
            copy[name] = value;
        }

        return copy;
    }

    private static void GiveId(Message message)
    {
        message[MessageProperties.UniqueKey] ??= UniqueMessageId.OfThisProcess.Next();
        // Java's messages say from the start that the broker is to wait until they are stored.
        message[MessageProperties.WaitStoreMessageOk] ??= "true";
    }

    private static string Properties(IEnumerable<KeyValuePair<string, string>> properties, List<KeyValuePair<string, string>>? added = null)
    {
        var text = MessageProperties.Encode(added is null
            ? properties
            : properties.Where(property => !added.Exists(other => other.Key == property.Key)).Concat(added));
        var length = System.Text.Encoding.UTF8.GetByteCount(text);
        return length <= short.MaxValue
            ? text
            : throw new RocketMQValidationException("Length of the properties", length, $"at most {short.MaxValue} bytes");
    }

    private static int? NumberIn(Message message, string property)
    {
        if (message[property] is not { } text)
        {
            return null;
        }

        return int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
            ? number
            : throw new RocketMQValidationException($"Property {property}", text, "a whole number");
    }
}
