using System.Collections.Concurrent;
using Orleans;
using Orleans.Runtime;
using Orleans.Storage;
using OrleansRocketMQ.Queues;

namespace OrleansRocketMQ.Offsets;

/// <summary>
/// Offsets of a group whose members all get every message: kept in grain storage, one record for each member and queue,
/// as the state of that queue's grain. Mirrors <c>LocalFileOffsetStore</c>, without its one file for everything.
/// </summary>
internal sealed class GrainOffsetStore(IGrainStorage storage, string group, string instance, GrainType queueGrains) : IOffsetStore
{
    private const string StateName = "offset";

    private readonly OffsetTable _table = new();
    private readonly ConcurrentDictionary<MessageQueue, GrainState<StoredOffset>> _states = new();

    public bool IsAtBroker => false;

    public OffsetStoreMetrics Metrics { get; } = new();

    public async ValueTask<long?> ReadAsync(MessageQueue queue, OffsetReadMode mode, CancellationToken cancellationToken)
    {
        if (_table.Answers(queue, mode, Metrics, out var answer))
        {
            return answer;
        }

        var state = new GrainState<StoredOffset>();
        await Metrics.LoadAsync(async () =>
        {
            try
            {
                await storage.ReadStateAsync(StateName, GrainOf(queue), state, cancellationToken).WaitAsync(cancellationToken).ConfigureAwait(false);
                return state;
            }
            catch (Exception exception) when (exception is not OperationCanceledException)
            {
                throw new OffsetException(queue, $"the grain storage could not be read: {exception.Message}", exception);
            }
        }).ConfigureAwait(false);
        _states[queue] = state;
        if (state is not { RecordExists: true, State: { } stored })
        {
            return null;
        }

        _table.Update(queue, stored.Offset, increaseOnly: false);
        return stored.Offset;
    }

    public void Update(MessageQueue queue, long offset, bool increaseOnly) => _table.Update(queue, offset, increaseOnly);

    public async Task<bool> PersistAsync(MessageQueue queue)
    {
        if (!_table.TryGet(queue, out var offset))
        {
            return true;
        }

        var state = _states.GetOrAdd(queue, static _ => new());
        state.State = new StoredOffset { Topic = queue.Topic, Broker = queue.BrokerName, QueueId = queue.QueueId, Offset = offset };
        try
        {
            await Metrics.PersistAsync(() => storage.WriteStateAsync(StateName, GrainOf(queue), state)).ConfigureAwait(false);
            return true;
        }
        catch (InconsistentStateException exception)
        {
            // Somebody else has written, such as a former process of the same name. Its word is read before the next attempt.
            await storage.ReadStateAsync(StateName, GrainOf(queue), state).ConfigureAwait(false);
            throw new OffsetException(queue, $"the grain storage has another version: {exception.Message}", exception);
        }
        catch (Exception exception) when (exception is not RocketMQException)
        {
            throw new OffsetException(queue, $"the grain storage could not be written: {exception.Message}", exception);
        }
    }

    public void Remove(MessageQueue queue)
    {
        _table.Remove(queue);
        _states.TryRemove(queue, out _);
    }

    public IReadOnlyDictionary<MessageQueue, long> CloneTable(string topic) => _table.Clone(topic);

    private GrainId GrainOf(MessageQueue queue) => GrainId.Create(queueGrains, QueueGrainKey.Of(group, queue, instance));
}

/// <summary>The record of a queue; tells by itself whose it is, for who reads it in a file.</summary>
[GenerateSerializer]
[Alias("OrleansRocketMQ.StoredOffset")]
internal sealed record StoredOffset
{
    [Id(0)]
    public string Topic { get; init; } = string.Empty;

    [Id(1)]
    public string Broker { get; init; } = string.Empty;

    [Id(2)]
    public int QueueId { get; init; }

    [Id(3)]
    public long Offset { get; init; }
}
