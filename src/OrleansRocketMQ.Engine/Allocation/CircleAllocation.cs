namespace OrleansRocketMQ.Allocation;

/// <summary>
/// AVG_BY_CIRCLE: the queues are dealt out like cards, so each member gets some of every broker.
/// Mirrors <c>AllocateMessageQueueAveragelyByCircle</c>, queue for queue.
/// </summary>
public sealed class CircleAllocation : WholeAllocation
{
    /// <inheritdoc/>
    public override string Name => "AVG_BY_CIRCLE";

    private protected override void Share(
        string group,
        IReadOnlyList<MessageQueue> queues,
        IReadOnlyList<string> clientIds,
        List<MessageQueue>[] shares)
    {
        for (var index = 0; index < queues.Count; index++)
        {
            shares[index % shares.Length].Add(queues[index]);
        }
    }
}
