using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Producing;

/// <summary>What may be sent. Mirrors <c>Validators.checkMessage</c> and <c>MessageBatch.generateFromList</c>.</summary>
internal static class MessageChecks
{
    // Brokers write these themselves; see TopicValidator.
    private static readonly HashSet<string> NotForProducers = new(StringComparer.Ordinal)
    {
        SystemTopics.Schedule, "RMQ_SYS_TRANS_HALF_TOPIC", "RMQ_SYS_TRANS_OP_HALF_TOPIC",
        "TRANS_CHECK_MAX_TIME_TOPIC", "SELF_TEST_TOPIC", "OFFSET_MOVED_EVENT",
    };

    public static void Check(Message message, int maxMessageSize)
    {
        ArgumentNullException.ThrowIfNull(message);
        CheckTopic(message.Topic);
        CheckSize("Body", message.Body.Length, maxMessageSize);
        if (IsHalf(message) && IsTimed(message))
        {
            // Its broker would refuse it when it is committed, where nobody is there to be told.
            throw new RocketMQValidationException(
                "Time of a message of a transaction", TimeOf(message), "none: transactions cannot be held back to a time");
        }
    }

    /// <summary>Whether the message is the first half of a transaction.</summary>
    public static bool IsHalf(Message message)
        => message[MessageProperties.TransactionPrepared] is { } prepared && bool.TryParse(prepared, out var half) && half;

    /// <summary>Whether brokers are to hold the message back to a time.</summary>
    public static bool IsTimed(Message message) => message.DelayLevel == 0 && TimeOf(message) is not null;

    public static void CheckSize(string field, int length, int maxMessageSize)
    {
        if (length == 0 || length > maxMessageSize)
        {
            throw new RocketMQValidationException($"Length of {field}", length, $"1 to {maxMessageSize} bytes");
        }
    }

    public static void CheckBatch(IReadOnlyList<Message> messages, int maxMessageSize)
    {
        ArgumentNullException.ThrowIfNull(messages);
        if (messages.Count == 0)
        {
            throw new RocketMQValidationException("Number of messages in the batch", 0, "at least one");
        }

        var first = messages[0];
        foreach (var message in messages)
        {
            Check(message, maxMessageSize);
            if (message.Topic != first.Topic)
            {
                throw new RocketMQValidationException(
                    "Topic of a message in the batch", message.Topic, $"'{first.Topic}' as that of the first");
            }

            if (message.DelayLevel > 0)
            {
                throw new RocketMQValidationException(
                    "DelayLevel of a message in the batch", message.DelayLevel, "0: batches cannot be delayed");
            }

            if (IsTimed(message))
            {
                throw new RocketMQValidationException(
                    "Time of a message in the batch", TimeOf(message), "none: batches cannot be held back to a time");
            }

            if (SystemTopics.IsRetry(message.Topic))
            {
                throw new RocketMQValidationException("Topic of a batch", message.Topic, "no %RETRY% topic");
            }

            if (Waits(message) != Waits(first))
            {
                throw new RocketMQValidationException(
                    "WAIT of a message in the batch", message[MessageProperties.WaitStoreMessageOk], "that of the first");
            }
        }
    }

    private static string? TimeOf(Message message)
        => message[MessageProperties.TimerDelaySeconds]
            ?? message[MessageProperties.TimerDelayMilliseconds]
            ?? message[MessageProperties.TimerDeliverMilliseconds];

    // A message that does not say so is made to wait when it is sent.
    private static bool Waits(Message message)
        => message[MessageProperties.WaitStoreMessageOk] is not { } text || text.Equals("true", StringComparison.OrdinalIgnoreCase);

    private static void CheckTopic(string? topic)
    {
        if (topic is not null && NotForProducers.Contains(topic))
        {
            throw new RocketMQValidationException("Topic", topic, "a topic that is not the brokers' own");
        }

        // The name of such a topic is made of a group's, which may be longer than a topic's.
        if (topic is not null && GroupOf(topic) is { } group)
        {
            SystemTopics.CheckGroup(group, "Group in topic");
        }
        else
        {
            SystemTopics.CheckTopic(topic);
        }
    }

    private static string? GroupOf(string topic)
        => SystemTopics.IsRetry(topic) ? topic[SystemTopics.RetryPrefix.Length..]
            : topic.StartsWith(SystemTopics.DeadLetterPrefix, StringComparison.Ordinal) ? topic[SystemTopics.DeadLetterPrefix.Length..]
            : null;
}
