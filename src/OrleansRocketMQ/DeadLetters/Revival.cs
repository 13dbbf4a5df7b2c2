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

    /// <exception cref="MessageFormatException">The body cannot be read.</exception>
    public static Message Of(MessageExt letter)
    {
        if (letter.BodyError is { } error)
        {
            throw new MessageFormatException($"body of {letter.MessageId}", "unreadable", "one that can be sent again", error);
        }

        var message = new Message(DeadLetterReader.OriginalTopic(letter), letter.Body) { Flag = letter.Flag };
        foreach (var (name, value) in letter.Properties)
        {
            if (!AddedOnTheWay.Contains(name))
            {
                message[name] = value;
            }
        }

        return message;
    }
}
