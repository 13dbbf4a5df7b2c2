using System.Globalization;
using System.Text;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Dispatch;

/// <summary>
/// A copy of a failed message for the group's %RETRY% topic. Body and properties go as they are stored: a body stays
/// compressed, so that what is measured is what goes over the wire, and properties that are no proper table (agents
/// append to them without a separator) stay as odd as they are.
/// </summary>
internal static class RetryCopy
{
    /// <summary>What brokers take of properties, less what they add themselves on the way to the dead letters.</summary>
    public const int MostPropertyBytes = short.MaxValue - 1024;

    private const int FirstRetryDelayLevel = 3;
    public const char PropertySeparator = '\u0002';

    private const char NameValueSeparator = '\u0001';

    // What the copy says anew. Of the prepared transaction it must say nothing.
    private static readonly HashSet<string> Replaced = new(StringComparer.Ordinal)
    {
        MessageProperties.OriginMessageId,
        MessageProperties.RetryTopic,
        MessageProperties.ReconsumeTime,
        MessageProperties.MaxReconsumeTimes,
        MessageProperties.TransactionPrepared,
        MessageProperties.DelayTimeLevel,
    };

    // Left out last when there is too much: without them nobody finds the message again.
    private static readonly HashSet<string> Kept = new(StringComparer.Ordinal)
    {
        MessageProperties.Keys, MessageProperties.Tags, MessageProperties.UniqueKey, MessageProperties.ShardingKey,
    };

    /// <summary>The copy, still without a queue.</summary>
    /// <param name="message">The message.</param>
    /// <param name="options">Of its group.</param>
    /// <param name="topic">Its topic as brokers know it.</param>
    /// <param name="reconsumeTimes">How often it had failed before its last attempt.</param>
    /// <param name="delayLevel">When it comes again; 0: later with each failure.</param>
    /// <param name="leftOut">Names of the properties for which there was no room.</param>
    public static SendMessageRequest Of(
        MessageExt message, ConsumerOptions options, string topic, int reconsumeTimes, int delayLevel, out IReadOnlyList<string> leftOut)
    {
        var own = new List<string>
        {
            Property(MessageProperties.OriginMessageId, message.OriginMessageId ?? message.MessageId),
            Property(MessageProperties.RetryTopic, topic),
            Property(MessageProperties.DelayTimeLevel, Text(delayLevel > 0 ? delayLevel : FirstRetryDelayLevel + reconsumeTimes)),
        };
        AddMissing(own, message, MessageProperties.UniqueKey, static () => UniqueMessageId.OfThisProcess.Next());
        AddMissing(own, message, MessageProperties.WaitStoreMessageOk, static () => "true");
        return new SendMessageRequest
        {
            ProducerGroup = RetryPublisher.ProducerGroup,
            Topic = SystemTopics.Retry(options.Group),
            BrokerName = string.Empty,
            QueueId = -1,
            Body = StoredBodyOf(message, out var compression),
            BornTimestamp = message.BornTimestamp,
            Properties = Fitting(Encoding.UTF8.GetString(message.StoredProperties), string.Concat(own), out leftOut),
            SysFlag = compression,
            Flag = message.Flag,
            ReconsumeTimes = reconsumeTimes + 1,
            MaxReconsumeTimes = options.MaxReconsumeTimes,
            UnitMode = options.UnitMode,
        };
    }

    /// <summary>The body as the broker has it, and the bits that say how it is compressed.</summary>
    public static ReadOnlyMemory<byte> StoredBodyOf(MessageExt message, out int compression)
    {
        compression = message.IsInnerBatch ? 0 : message.SysFlag & (MessageSysFlag.Compressed | MessageSysFlag.CompressionMask);
        if ((compression & MessageSysFlag.Compressed) == 0)
        {
            compression = 0;
            return message.Body;
        }

        var place = StoredMessage.ReconsumeTimesPosition(message.SysFlag) + sizeof(int) + sizeof(long);
        return message.Record.Slice(place + sizeof(int), StoredMessage.Int32At(message.Record.Span, place));
    }

    private static string Fitting(string stored, string own, out IReadOnlyList<string> leftOut)
    {
        var pieces = stored.Split(PropertySeparator, StringSplitOptions.RemoveEmptyEntries).Where(piece => !Replaced.Contains(NameOf(piece))).ToList();
        var length = Encoding.UTF8.GetByteCount(own) + pieces.Sum(LengthOf);
        var names = new List<string>();
        foreach (var piece in pieces.OrderBy(piece => Kept.Contains(NameOf(piece))).ThenByDescending(LengthOf).ToArray())
        {
            if (length <= MostPropertyBytes)
            {
                break;
            }

            pieces.Remove(piece);
            names.Add(NameOf(piece));
            length -= LengthOf(piece);
        }

        leftOut = names;
        return string.Concat(pieces.Select(piece => piece + PropertySeparator)) + own;
    }

    private static void AddMissing(List<string> own, MessageExt message, string name, Func<string> value)
    {
        if (message.GetProperty(name) is null)
        {
            own.Add(Property(name, value()));
        }
    }

    private static int LengthOf(string piece) => Encoding.UTF8.GetByteCount(piece) + 1;

    /// <summary>The name in a piece of the stored properties.</summary>
    public static string NameOf(string piece) => piece.IndexOf(NameValueSeparator) is var end and >= 0 ? piece[..end] : piece;

    /// <summary>A property as it is stored.</summary>
    public static string Property(string name, string value) => $"{name}{NameValueSeparator}{value}{PropertySeparator}";

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
