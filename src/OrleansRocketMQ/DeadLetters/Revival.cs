using System.Text;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Dispatch;
using OrleansRocketMQ.Producing;

namespace OrleansRocketMQ.DeadLetters;

/// <summary>Makes a dead letter the message again that it was before it failed for the first time.</summary>
internal static class Revival
{
    // What brokers and consumers added on the way to the dead letters; sent along it would be taken for new.
    private static readonly HashSet<string> AddedOnTheWay = new(StringComparer.Ordinal)
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

    /// <summary>
    /// The message, still without a queue. Body and properties go as they are stored, like those of
    /// <see cref="RetryCopy"/>: what brokers have taken once they take again, be its properties as odd as they may.
    /// </summary>
    /// <exception cref="MessageFormatException">The body cannot be read.</exception>
    public static SendMessageRequest Of(MessageExt letter)
    {
        if (letter.BodyError is { } error)
        {
            throw new MessageFormatException($"body of {letter.MessageId}", "unreadable", "one that can be sent again", error);
        }

        var properties = Encoding.UTF8.GetString(letter.StoredProperties)
            .Split(RetryCopy.PropertySeparator, StringSplitOptions.RemoveEmptyEntries)
            .Where(piece => !AddedOnTheWay.Contains(RetryCopy.NameOf(piece)))
            .Append(RetryCopy.Property(MessageProperties.WaitStoreMessageOk, "true").TrimEnd(RetryCopy.PropertySeparator));
        if (letter.GetProperty(MessageProperties.UniqueKey) is null)
        {
            properties = properties.Append(RetryCopy.Property(MessageProperties.UniqueKey, UniqueMessageId.OfThisProcess.Next()).TrimEnd(RetryCopy.PropertySeparator));
        }

        return new SendMessageRequest
        {
            ProducerGroup = RetryPublisher.ProducerGroup,
            Topic = DeadLetterReader.OriginalTopic(letter),
            BrokerName = string.Empty,
            QueueId = -1,
            Body = RetryCopy.StoredBodyOf(letter, out var compression),
            BornTimestamp = letter.BornTimestamp,
            Properties = string.Concat(properties.Select(piece => piece + RetryCopy.PropertySeparator)),
            SysFlag = compression,
            Flag = letter.Flag,
        };
    }
}
