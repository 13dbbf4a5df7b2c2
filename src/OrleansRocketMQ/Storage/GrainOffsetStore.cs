using System.Collections.Concurrent;
using Orleans;
using Orleans.Runtime;
using Orleans.Storage;
using OrleansRocketMQ.Engine.Offsets;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Scheduling;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Queues;

namespace OrleansRocketMQ.Offsets;

/// <summary>
/// Offsets of a group whose members all get every message: kept in grain storage, one record for each member and queue,
/// as the state of that queue's grain. Mirrors <c>LocalFileOffsetStore</c>, without its one file for everything.
/// </summary>
internal sealed class GrainOffsetStore(
    IGrainStorage storage, string group, string instance, GrainType queueGrains, TimeProvider time) : IOffsetStore
{
    private const string StateName = "offset";

    /// <summary>A storage that does not answer for so long has failed: neither a queue nor the stop of a silo waits for it.</summary>
    public static readonly TimeSpan StorageTimeout = TimeSpan.FromSeconds(5);

    private readonly OffsetTable _table = new();
    private readonly ConcurrentDictionary<MessageQueue, GrainState<StoredOffset>> _states = new();

    public bool IsAtBroker => false;

    public OffsetStoreMetrics Metrics { get; init; } = new(time);

    public async ValueTask<long?> ReadAsync(MessageQueue queue, OffsetReadMode mode, CancellationToken cancellationToken)
    {
        if (_table.Answers(queue, mode, Metrics, out var answer))
        {
            return answer;
        }

        var state = await Metrics.LoadAsync(() => ReadStateAsync(queue, cancellationToken)).ConfigureAwait(false);
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

        if (!_states.TryGetValue(queue, out var state))
        {
            // It was forgotten since it was read, as another member's word may have come; a write without its version fails.
            state = _states.GetOrAdd(queue, await ReadStateAsync(queue, CancellationToken.None).ConfigureAwait(false));
        }

        state.State = new StoredOffset { Topic = queue.Topic, Broker = queue.BrokerName, QueueId = queue.QueueId, Offset = offset };
        try
        {
            await Metrics.PersistAsync(() => StorageTime.LimitAsync(
                token => storage.WriteStateAsync(StateName, GrainOf(queue), state, token),
                StorageTimeout,
                SiloRuntime.Of(time),
                CancellationToken.None)).ConfigureAwait(false);
            return true;
        }
        catch (InconsistentStateException exception)
        {
            // Somebody else has written, such as a former process of the same name. Its word is read before the next attempt.
            _states.TryUpdate(queue, await ReadStateAsync(queue, CancellationToken.None).ConfigureAwait(false), state);
            throw new OffsetException(queue, $"the grain storage has another version: {exception.Message}", exception);
        }
        catch (Exception exception) when (exception is not RocketMQException)
        {
            // A storage that was given up may still work with the state it has. Should its write arrive after all, the next
            // attempt finds another version.
            _states.TryUpdate(queue, new GrainState<StoredOffset> { ETag = state.ETag, RecordExists = state.RecordExists }, state);
            throw new OffsetException(queue, $"the grain storage could not be written: {exception.Message}", exception);
        }
    }

    public void Remove(MessageQueue queue)
    {
        _table.Remove(queue);
        _states.TryRemove(queue, out _);
    }

    public IReadOnlyDictionary<MessageQueue, long> CloneTable(string topic) => _table.Clone(topic);

    /// <summary>Into a state of its own: a storage that answers after it was given up must not change what is in use.</summary>
    private async Task<GrainState<StoredOffset>> ReadStateAsync(MessageQueue queue, CancellationToken cancellationToken)
    {
        var state = new GrainState<StoredOffset>();
        try
        {
            await StorageTime.LimitAsync(
                token => storage.ReadStateAsync(StateName, GrainOf(queue), state, token),
                StorageTimeout,
                SiloRuntime.Of(time),
                cancellationToken).ConfigureAwait(false);
            return state;
        }
        catch (Exception exception) when (exception is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            throw new OffsetException(queue, $"the grain storage could not be read: {exception.Message}", exception);
        }
    }

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
