using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Engine.Retry;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.DeadLetters;

/// <summary>Makes a dead letter the message again that it was before it failed for the first time.</summary>
internal static class DeadLetterRepublisher
{
    /// <summary>The group under which Java's clients send by themselves.</summary>
    private const string Sender = "CLIENT_INNER_PRODUCER";

    // What brokers and consumers added on the way to the dead letters; sent along it would be taken for new.
    private static readonly HashSet<string> AddedOnTheWay = new(
        MessageProperties.OfDeadLetters.Concat(MessageProperties.OfTimers), StringComparer.Ordinal)
    {
        MessageProperties.RetryTopic,
        MessageProperties.ReconsumeTime,
        MessageProperties.MaxReconsumeTimes,
        MessageProperties.DlqOriginTopic,
        MessageProperties.DlqOriginMessageId,
        MessageProperties.DelayTimeLevel,
        MessageProperties.RealTopic,
        MessageProperties.RealQueueId,
        MessageProperties.TransactionPrepared,
        MessageProperties.ProducerGroup,
        MessageProperties.WaitStoreMessageOk,
        MessageProperties.MinOffset,
        MessageProperties.MaxOffset,
        MessageProperties.ConsumeStartTime,
        MessageProperties.Cluster,
        MessageProperties.MessageRegion,
        MessageProperties.TraceSwitch,
    };

    /// <summary>The message for its original topic, still without a queue. Body and other properties go as they are stored.</summary>
    /// <exception cref="MessageFormatException">The body cannot be read.</exception>
    /// <exception cref="RocketMQValidationException">
    /// It is not known which topic it was first sent to, or that is one of brokers themselves.
    /// </exception>
    public static SendMessageRequest Of(MessageExt letter, ClientNamespace names, TimeProvider time)
    {
        if (letter.BodyError is { } error)
        {
            throw new MessageFormatException($"body of {letter.MessageId}", "unreadable", "one that can be sent again", error);
        }

        // Who filed it may have written any topic, or none; into dead letters sent again it would only come back here.
        var topic = names.Unwrap(DeadLetterReader.OriginalTopic(letter));
        SystemTopics.CheckOfUsers(topic, $"Original topic of {letter.MessageId}");
        var properties = StoredParts.Join(StoredParts.PropertiesOf(letter, without: AddedOnTheWay));
        if (letter.GetProperty(MessageProperties.UniqueKey) is null)
        {
            properties += StoredParts.Property(MessageProperties.UniqueKey, UniqueMessageId.OfThisProcess.Next());
        }

        properties += StoredParts.Property(MessageProperties.WaitStoreMessageOk, "true");
        var body = StoredParts.BodyOf(letter, out var compression);
        var again = new SendMessageRequest
        {
            ProducerGroup = Sender,
            Topic = topic,
            BrokerName = string.Empty,
            QueueId = -1,
            Body = body,
            BornTimestamp = time.GetUtcNow().ToUnixTimeMilliseconds(),
            Properties = properties,
            SysFlag = compression,
            Flag = letter.Flag,
        };
        return body.IsEmpty
            ? again with
            {
                Batch = true,
                Body = StoredParts.BatchOfOneWithoutBody(properties, letter.Flag),
                Properties = string.Empty,
                Flag = 0,
            }
            : again;
    }
}
