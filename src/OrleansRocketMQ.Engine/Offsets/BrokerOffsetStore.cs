using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Ports;

namespace OrleansRocketMQ.Engine.Offsets;

/// <summary>
/// Offsets of a group whose members share the queues: kept by each queue's broker. Mirrors <c>RemoteBrokerOffsetStore</c>,
/// but waits for the broker's yes.
/// </summary>
internal sealed class BrokerOffsetStore(
    IOffsetBroker brokers, IRoutes routes, ConsumerOptions options, OffsetStoreMetrics metrics) : IOffsetStore
{
    private readonly OffsetTable _table = new();

    public bool IsAtBroker => true;

    public OffsetStoreMetrics Metrics => metrics;

    public async ValueTask<long?> ReadAsync(MessageQueue queue, OffsetReadMode mode, CancellationToken cancellationToken)
    {
        if (_table.Answers(queue, mode, Metrics, out var answer))
        {
            return answer;
        }

        var stored = await Metrics.LoadAsync(() => brokers.QueryConsumerOffsetAsync(
            MemberFor(queue).Address, options.Group, queue, setZeroIfNotFound: options.SkipHistory ? false : null, cancellationToken));
        if (stored is { } offset)
        {
            _table.Update(queue, offset, increaseOnly: false);
        }

        return stored;
    }

    public void Update(MessageQueue queue, long offset, bool increaseOnly) => _table.Update(queue, offset, increaseOnly);

    public async Task<bool> PersistAsync(MessageQueue queue)
    {
        if (!_table.TryGet(queue, out var offset))
        {
            return true;
        }

        var broker = MemberFor(queue);

        // Never given up half-way: a request that was sent may still arrive, after a later one with another offset.
        await Metrics.PersistAsync(() => brokers.UpdateConsumerOffsetAsync(
            broker.Address, options.Group, queue, offset, CancellationToken.None));

        // A slave's offsets are overwritten by its master's once that is back.
        return !broker.IsSlave;
    }

    public void Remove(MessageQueue queue) => _table.Remove(queue);

    public IReadOnlyDictionary<MessageQueue, long> CloneTable(string topic) => _table.Clone(topic);

    // The master; while that is away, a slave.
    private BrokerAddress MemberFor(MessageQueue queue) => routes.FindAddress(queue)
        ?? throw new BrokerNotAvailableException($"No address of broker '{queue.BrokerName}' is known for queue {queue}.");
}
