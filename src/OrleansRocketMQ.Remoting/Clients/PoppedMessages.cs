using System.Globalization;

namespace OrleansRocketMQ.Clients;

/// <summary>Gives messages of a pop the handles to acknowledge them with. Mirrors <c>MQClientAPIImpl.processPopResponse</c>.</summary>
internal readonly struct PoppedMessages(PopResult answer)
{
    private readonly Dictionary<(PopTopicKind Kind, int QueueId), long> _firstOffsets = [];

    public IReadOnlyList<MessageExt> Of(IReadOnlyList<MessageExt> decoded)
    {
        var popped = new MessageExt[decoded.Count];
        for (var index = 0; index < popped.Length; index++)
        {
            popped[index] = decoded[index].WithPop(answer.Topic, MarkOf(decoded[index]));
        }

        return popped;
    }

    private PopMark MarkOf(MessageExt message)
    {
        var kind = KindOf(message);
        var (queueId, offset) = (message.QueueId, OffsetOf(message));
        var start = StartOf(kind, queueId, offset)
            ?? throw new MessageFormatException(
                "startOffsetInfo and msgOffsetInfo",
                "nothing",
                string.Create(CultureInfo.InvariantCulture, $"message {offset} of queue {queueId}, topic kind {(int)kind}"));
        var count = answer.Offsets?.CountOf(kind, queueId, offset) ?? 0;
        return new(HandleOf(kind, queueId, offset, start), count > 0 ? count : null);
    }

    // Brokers put the topic asked for into messages of retry topics, and tell where they come from by a handle. A producer may
    // have sent such a property as well, or somebody may have copied it: it counts only when it is one of this very answer.
    private PopTopicKind KindOf(MessageExt message)
    {
        var byTopic = ReceiptHandle.KindOf(message.Topic);
        if (answer.Offsets is null
            || byTopic != PopTopicKind.Normal
            || message.GetProperty(MessageProperties.PopCheckpoint) is not { } text)
        {
            return byTopic;
        }

        foreach (var kind in (ReadOnlySpan<PopTopicKind>)[PopTopicKind.RetryV1, PopTopicKind.RetryV2])
        {
            if (answer.Offsets.StartOf(kind, message.QueueId, OffsetOf(message)) is { } start
                && text == HandleOf(kind, message.QueueId, OffsetOf(message), start).ToString())
            {
                return kind;
            }
        }

        return byTopic;
    }

    // The messages of an inner batch are one message to the broker.
    private static long OffsetOf(MessageExt message)
        => StoredMessage.Int64At(message.Record.Span, StoredMessage.QueueOffsetPosition);

    // Brokers that do not tell where a pop began take its first message for that.
    private long? StartOf(PopTopicKind kind, int queueId, long offset)
    {
        if (answer.Offsets is { } offsets)
        {
            return offsets.StartOf(kind, queueId, offset);
        }

        _firstOffsets.TryAdd((kind, queueId), offset);
        return _firstOffsets[(kind, queueId)];
    }

    private ReceiptHandle HandleOf(PopTopicKind kind, int queueId, long offset, long start) => new(
        start,
        answer.PopTime,
        (long)answer.InvisibleTime.TotalMilliseconds,
        answer.ReviveQueueId,
        kind,
        answer.BrokerName,
        queueId,
        offset);
}
