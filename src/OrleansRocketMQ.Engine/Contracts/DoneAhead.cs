namespace OrleansRocketMQ.Engine.Contracts;

/// <summary>
/// What of a pop in order is done while a message before it is not. The broker brings all from that one on again; what is named
/// here needs no more work. Goes with the queue when it moves, so that nothing done is done again.
/// </summary>
/// <param name="From">The offset of the first message that is not done.</param>
/// <param name="MessageIds">What is done behind it: offsets, and the ids of the messages that lay there.</param>
internal sealed record DoneAhead(long From, IReadOnlyDictionary<long, string> MessageIds)
{
    /// <summary>
    /// Those of the next pop that are done. None when the queue goes on elsewhere, since somebody has moved it, or when its broker
    /// does not say that it has given a message before: what somebody wants once more, or another one at its place, is none of them.
    /// </summary>
    public IEnumerable<MessageExt> Of(IReadOnlyList<MessageExt> popped)
        => popped.Count > 0 && popped[0].QueueOffset == From
            ? popped.Where(message => message.ReconsumeTimes > 0 && MessageIds.GetValueOrDefault(message.QueueOffset) == message.MessageId)
            : [];
}
