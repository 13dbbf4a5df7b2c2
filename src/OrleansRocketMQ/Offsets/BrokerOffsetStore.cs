using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;

namespace OrleansRocketMQ.Offsets;

/// <summary>Offsets of a group whose members share the queues: kept by each queue's broker. Mirrors <c>RemoteBrokerOffsetStore</c>, but waits for the broker's yes.</summary>
internal sealed class BrokerOffsetStore(RocketMQClient client, ConsumerOptions options) : IOffsetStore
{
    private readonly OffsetTable _table = new();

    public bool IsAtBroker => true;

    public OffsetStoreMetrics Metrics { get; } = new();

    public async ValueTask<long?> ReadAsync(MessageQueue queue, OffsetReadMode mode, CancellationToken cancellationToken)
    {
        if (mode != OffsetReadMode.Store)
        {
            if (_table.TryGet(queue, out var known))
            {
                Metrics.CountHit();
                return known;
            }

            Metrics.CountMiss();
            if (mode == OffsetReadMode.Memory)
            {
                return null;
            }
        }

        var stored = await Metrics.LoadAsync(() => client.Brokers.QueryConsumerOffsetAsync(
            MasterOf(queue), options.Group, queue, setZeroIfNotFound: options.SkipHistory ? false : null, cancellationToken)).ConfigureAwait(false);
        if (stored is { } offset)
        {
            _table.Update(queue, offset, increaseOnly: false);
        }

        return stored;
    }

    public void Update(MessageQueue queue, long offset, bool increaseOnly) => _table.Update(queue, offset, increaseOnly);

    public Task PersistAsync(MessageQueue queue) => _table.TryGet(queue, out var offset)
        // Never given up half-way: a request that was sent may still arrive, after a later one with another offset.
        ? Metrics.PersistAsync(() => client.Brokers.UpdateConsumerOffsetAsync(MasterOf(queue), options.Group, queue, offset, cancellationToken: CancellationToken.None))
        : Task.CompletedTask;

    public void Remove(MessageQueue queue) => _table.Remove(queue);

    public IReadOnlyDictionary<MessageQueue, long> CloneTable(string topic) => _table.Clone(topic);

    private string MasterOf(MessageQueue queue) => client.Routes.FindAddress(queue.BrokerName)?.Address
        ?? throw new BrokerNotAvailableException($"No address of broker '{queue.BrokerName}' is known for queue {queue}.");
}
