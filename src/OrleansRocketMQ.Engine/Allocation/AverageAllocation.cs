namespace OrleansRocketMQ.Allocation;

/// <summary>
/// AVG: contiguous blocks whose sizes differ by at most one; the first members get the larger ones.
/// Mirrors <c>AllocateMessageQueueAveragely</c>, queue for queue.
/// </summary>
public sealed class AverageAllocation : WholeAllocation
{
    /// <inheritdoc/>
    public override string Name => "AVG";

    private protected override void Share(
        string group,
        IReadOnlyList<MessageQueue> queues,
        IReadOnlyList<string> clientIds,
        List<MessageQueue>[] shares)
    {
        var (share, larger) = Math.DivRem(queues.Count, shares.Length);
        var next = 0;
        for (var member = 0; member < shares.Length; member++)
        {
            var end = next + share + (member < larger ? 1 : 0);
            while (next < end)
            {
                shares[member].Add(queues[next++]);
            }
        }
    }
}
