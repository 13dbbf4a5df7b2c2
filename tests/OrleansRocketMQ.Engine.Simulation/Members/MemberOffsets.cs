using OrleansRocketMQ.Engine.Ports;

namespace OrleansRocketMQ.Engine.Simulation.Members;

/// <summary>
/// The offsets of a group whose members all get every message: each member's own, in a storage that no pull reaches.
/// </summary>
internal sealed class MemberOffsets(IOffsetStore store) : IOffsetStore
{
    public bool IsAtBroker => false;

    public OffsetStoreMetrics Metrics => store.Metrics;

    public ValueTask<long?> ReadAsync(MessageQueue queue, OffsetReadMode mode, CancellationToken cancellationToken)
        => store.ReadAsync(queue, mode, cancellationToken);

    public void Update(MessageQueue queue, long offset, bool increaseOnly) => store.Update(queue, offset, increaseOnly);

    public Task<bool> PersistAsync(MessageQueue queue) => store.PersistAsync(queue);

    public void Remove(MessageQueue queue) => store.Remove(queue);

    public IReadOnlyDictionary<MessageQueue, long> CloneTable(string topic) => store.CloneTable(topic);
}
