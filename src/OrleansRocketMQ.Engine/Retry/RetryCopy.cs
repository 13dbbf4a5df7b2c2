using System.Globalization;
using System.Text;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Engine.Retry;

/// <summary>
/// A copy of a failed message for the group's %RETRY% topic, with body and properties as they are stored.
/// </summary>
internal static class RetryCopy
{
    /// <summary>What brokers take of properties, less what they add themselves on the way to the dead letters.</summary>
    public const int MostPropertyBytes = short.MaxValue - 1024;

    private const int FirstRetryDelayLevel = 3;
    private const int MostOfReason = 1024;
    private const int MostOfStack = 2048;

    // What the copy says anew. Of the prepared transaction it must say nothing, and of a time it has waited for neither: brokers
    // would not hold it back again, or once more for as long.
    private static readonly HashSet<string> Replaced = new(
        MessageProperties.OfDeadLetters.Concat(MessageProperties.OfTimers), StringComparer.Ordinal)
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
    /// <param name="rules">Of its group.</param>
    /// <param name="topic">Its topic as brokers know it.</param>
    /// <param name="reconsumeTimes">How often it had failed before its last attempt.</param>
    /// <param name="delayLevel">When it comes again; 0: later with each failure.</param>
    /// <param name="newId">Makes the id of one that has none.</param>
    /// <param name="leftOut">Names of the properties for which there was no room.</param>
    /// <param name="cause">Why it is to be a dead letter; null when it is not.</param>
    /// <param name="member">This member.</param>
    /// <param name="at">The exact time at which it comes again, instead of <paramref name="delayLevel"/>; null when it has none.</param>
    public static SendMessageRequest Of(
        MessageExt message,
        RetryRules rules,
        string topic,
        int reconsumeTimes,
        int delayLevel,
        Func<string> newId,
        out IReadOnlyList<string> leftOut,
        FailureCause? cause = null,
        string? member = null,
        DateTimeOffset? at = null)
    {
        var own = new List<string>
        {
            StoredParts.Property(MessageProperties.OriginMessageId, message.OriginMessageId ?? message.MessageId),
            StoredParts.Property(MessageProperties.RetryTopic, topic),
        };
        if (cause is not null)
        {
            // And no time: brokers of version 4 keep dead letters waiting for it.
            AddCause(own, cause, rules.Options.Group, cause.Member ?? member);
        }
        else if (at is { } due)
        {
            own.Add(StoredParts.Property(MessageProperties.TimerDeliverMilliseconds, Text(due.ToUnixTimeMilliseconds())));
        }
        else
        {
            own.Add(StoredParts.Property(
                MessageProperties.DelayTimeLevel, Text(delayLevel > 0 ? delayLevel : FirstRetryDelayLevel + reconsumeTimes)));
        }

        AddMissing(own, message, MessageProperties.UniqueKey, newId);
        AddMissing(own, message, MessageProperties.WaitStoreMessageOk, static () => "true");
        var pieces = StoredParts.PropertiesOf(message, without: Replaced);
        AddStack(own, cause?.Stack, room: MostPropertyBytes - pieces.Sum(StoredParts.LengthOf));
        return new SendMessageRequest
        {
            // Brokers with authorization ask whether the account may read as this group before they take a copy. Java's clients
            // name one of their own, and are refused.
            ProducerGroup = rules.Options.Group,
            Topic = SystemTopics.Retry(rules.Options.Group),
            // A dead letter stays at its broker, as those that brokers file themselves; what comes again is better elsewhere.
            BrokerName = cause is null || MessageQueue.IsLogicalBroker(message.BrokerName) ? string.Empty : message.BrokerName,
            QueueId = -1,
            Body = StoredParts.BodyOf(message, out var compression),
            BornTimestamp = message.BornTimestamp,
            Properties = Fitting(pieces, string.Concat(own), out leftOut),
            SysFlag = compression,
            Flag = message.Flag,
            ReconsumeTimes = reconsumeTimes + 1,
            // One that is to be a dead letter has failed more often than that, however seldom it was.
            MaxReconsumeTimes = cause is null ? rules.MaxReconsumeTimes : Math.Min(rules.MaxReconsumeTimes, reconsumeTimes),
            UnitMode = rules.Options.UnitMode,
        };
    }

    private static string Fitting(List<string> pieces, string own, out IReadOnlyList<string> leftOut)
    {
        var length = Encoding.UTF8.GetByteCount(own) + pieces.Sum(StoredParts.LengthOf);
        var names = new List<string>();
        var longestFirst = pieces.OrderBy(piece => Kept.Contains(StoredParts.NameOf(piece))).ThenByDescending(StoredParts.LengthOf);
        foreach (var piece in longestFirst.ToArray())
        {
            if (length <= MostPropertyBytes)
            {
                break;
            }

            pieces.Remove(piece);
            names.Add(StoredParts.NameOf(piece));
            length -= StoredParts.LengthOf(piece);
        }

        leftOut = names;
        return StoredParts.Join(pieces) + own;
    }

    private static void AddMissing(List<string> own, MessageExt message, string name, Func<string> value)
    {
        if (message.GetProperty(name) is null)
        {
            own.Add(StoredParts.Property(name, value()));
        }
    }

    private static void AddCause(List<string> own, FailureCause cause, string group, string? member)
    {
        Add(MessageProperties.DeadLetterReason, cause.Reason);
        Add(MessageProperties.DeadLetterErrorType, cause.ErrorType);
        Add(MessageProperties.DeadLetterAttempts, Text(cause.Attempts));
        Add(MessageProperties.DeadLetterGroup, group);
        Add(MessageProperties.DeadLetterSilo, member);
        Add(MessageProperties.DeadLetterFirstFailed, cause.FirstFailed is { } first ? Text(first.ToUnixTimeMilliseconds()) : null);
        Add(MessageProperties.DeadLetterLastFailed, Text(cause.LastFailed.ToUnixTimeMilliseconds()));

        void Add(string name, string? value)
        {
            if (!string.IsNullOrEmpty(value))
            {
                own.Add(StoredParts.Property(name, Storable(value, MostOfReason)));
            }
        }
    }

    // What the message brought is worth more than where it failed.
    private static void AddStack(List<string> own, string? stack, int room)
    {
        if (stack is not null
            && StoredParts.Property(MessageProperties.DeadLetterStack, Storable(stack, MostOfStack)) is var property
            && own.Append(property).Sum(Encoding.UTF8.GetByteCount) <= room)
        {
            own.Add(property);
        }
    }

    // No separator of properties, no line's end, and no half of a character.
    private static string Storable(string value, int most)
    {
        var text = string.Concat(value.Select(sign => char.IsControl(sign) ? ' ' : sign));
        return text.Length <= most ? text : text[..(char.IsHighSurrogate(text[most - 1]) ? most - 1 : most)];
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
