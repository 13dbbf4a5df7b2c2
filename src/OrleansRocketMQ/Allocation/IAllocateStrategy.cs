namespace OrleansRocketMQ.Allocation;

/// <summary>
/// Splits the queues of a topic among the members of a group. Every member computes it for itself, so it must be
/// deterministic, independent of the input's order, complete and disjoint. Mirrors <c>AllocateMessageQueueStrategy</c>.
/// </summary>
public interface IAllocateStrategy
{
    /// <summary>The name under which it is configured.</summary>
    string Name { get; }

    /// <summary>The queues of one member.</summary>
    /// <param name="group">The consumer group.</param>
    /// <param name="clientId">The member asked about.</param>
    /// <param name="queues">All queues of the topic, sorted.</param>
    /// <param name="clientIds">All members, sorted by ordinal.</param>
    IReadOnlyList<MessageQueue> Allocate(string group, string clientId, IReadOnlyList<MessageQueue> queues, IReadOnlyList<string> clientIds);
}
