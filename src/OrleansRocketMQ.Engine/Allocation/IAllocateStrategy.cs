namespace OrleansRocketMQ.Allocation;

/// <summary>
/// Splits the queues of a topic among the members of a group. Every member computes it for itself, so it must be
/// deterministic and disjoint: no queue may be given to two members. One that nobody gets is not consumed. Called from
/// several threads at once. Mirrors <c>AllocateMessageQueueStrategy</c>.
/// </summary>
/// <remarks>
/// Register your own with <c>AddAllocateStrategy</c> and choose it by <see cref="Name"/> in
/// <c>ConsumerOptions.AllocateStrategy</c>. All members of a group, Java's included, must use the same one.
/// </remarks>
public interface IAllocateStrategy
{
    /// <summary>The name under which it is chosen.</summary>
    string Name { get; }

    /// <summary>The queues of one member; none when it is not among <paramref name="clientIds"/>.</summary>
    /// <param name="group">The consumer group.</param>
    /// <param name="clientId">The member asked about.</param>
    /// <param name="queues">All queues of the topic, sorted.</param>
    /// <param name="clientIds">All members, sorted by ordinal, each once.</param>
    IReadOnlyList<MessageQueue> Allocate(
        string group,
        string clientId,
        IReadOnlyList<MessageQueue> queues,
        IReadOnlyList<string> clientIds);

    /// <summary>
    /// The queues of every member, in the order of <paramref name="clientIds"/>. Every silo needs them all, to know
    /// where its fellows' queues are. The default asks <see cref="Allocate"/> for each member; a strategy whose work
    /// for one member is nearly that for all does better here.
    /// </summary>
    /// <param name="group">The consumer group.</param>
    /// <param name="queues">All queues of the topic, sorted.</param>
    /// <param name="clientIds">All members, sorted by ordinal, each once.</param>
    IReadOnlyList<IReadOnlyList<MessageQueue>> AllocateAll(
        string group,
        IReadOnlyList<MessageQueue> queues,
        IReadOnlyList<string> clientIds)
    {
        ArgumentNullException.ThrowIfNull(clientIds);
        return [.. clientIds.Select(clientId => Allocate(group, clientId, queues, clientIds))];
    }
}
