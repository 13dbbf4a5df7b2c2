namespace OrleansRocketMQ.Allocation;

/// <summary>A strategy that works out all shares at once; that of one member is one of them.</summary>
public abstract class WholeAllocation : IAllocateStrategy
{
    private protected WholeAllocation()
    {
    }

    /// <inheritdoc/>
    public abstract string Name { get; }

    /// <inheritdoc/>
    public IReadOnlyList<MessageQueue> Allocate(
        string group,
        string clientId,
        IReadOnlyList<MessageQueue> queues,
        IReadOnlyList<string> clientIds)
    {
        ArgumentNullException.ThrowIfNull(clientIds);
        for (var index = 0; index < clientIds.Count; index++)
        {
            if (clientIds[index] == clientId)
            {
                return AllocateAll(group, queues, clientIds)[index];
            }
        }

        return [];
    }

    /// <inheritdoc/>
    public IReadOnlyList<IReadOnlyList<MessageQueue>> AllocateAll(
        string group,
        IReadOnlyList<MessageQueue> queues,
        IReadOnlyList<string> clientIds)
    {
        ArgumentNullException.ThrowIfNull(queues);
        ArgumentNullException.ThrowIfNull(clientIds);
        var shares = new List<MessageQueue>[clientIds.Count];
        for (var index = 0; index < shares.Length; index++)
        {
            shares[index] = [];
        }

        if (shares.Length > 0 && queues.Count > 0)
        {
            Share(group, queues, clientIds, shares);
        }

        return shares;
    }

    /// <summary>Adds each queue to the share of its member.</summary>
    /// <param name="group">The consumer group.</param>
    /// <param name="queues">The queues, sorted; at least one.</param>
    /// <param name="clientIds">The members, sorted; at least one.</param>
    /// <param name="shares">A share for each member, empty.</param>
    private protected abstract void Share(
        string group,
        IReadOnlyList<MessageQueue> queues,
        IReadOnlyList<string> clientIds,
        List<MessageQueue>[] shares);
}
