namespace OrleansRocketMQ.Allocation;

/// <summary>
/// Contiguous blocks whose sizes differ by at most one; the first members get the larger ones.
/// Mirrors <c>AllocateMessageQueueAveragely</c>, queue for queue.
/// </summary>
public sealed class AverageAllocation : IAllocateStrategy
{
    /// <inheritdoc/>
    public string Name => "AVG";

    /// <inheritdoc/>
    public IReadOnlyList<MessageQueue> Allocate(string group, string clientId, IReadOnlyList<MessageQueue> queues, IReadOnlyList<string> clientIds)
    {
        ArgumentNullException.ThrowIfNull(queues);
        ArgumentNullException.ThrowIfNull(clientIds);
        var index = IndexOf(clientIds, clientId);
        if (index < 0)
        {
            return [];
        }

        var (share, larger) = Math.DivRem(queues.Count, clientIds.Count);
        var start = (index * share) + Math.Min(index, larger);
        var size = share + (index < larger ? 1 : 0);
        return [.. queues.Skip(start).Take(size)];
    }

    private static int IndexOf(IReadOnlyList<string> clientIds, string clientId)
    {
        for (var index = 0; index < clientIds.Count; index++)
        {
            if (clientIds[index] == clientId)
            {
                return index;
            }
        }

        return -1;
    }
}
