using Orleans.Runtime;
using Orleans.Storage;
using OrleansRocketMQ.Engine.Ports;

namespace OrleansRocketMQ.Storage;

/// <summary>Records of queues in grain storage, as states of the queues' grains. Thread-safe.</summary>
/// <typeparam name="T">What the engine knows.</typeparam>
/// <typeparam name="TStored">What is stored of it.</typeparam>
/// <param name="storage">The storage.</param>
/// <param name="stateName">Under which name.</param>
/// <param name="grainOf">The grain of a queue.</param>
/// <param name="toStored">Makes of a queue's record what is stored.</param>
/// <param name="toRecord">And the other way.</param>
internal sealed class GrainRecordStorage<T, TStored>(
    IGrainStorage storage,
    string stateName,
    Func<MessageQueue, GrainId> grainOf,
    Func<MessageQueue, T, TStored> toStored,
    Func<TStored, T> toRecord)
    : IRecordStorage<T>
    where T : class
    where TStored : class, new()
{
    public bool IsLocal => storage is FileGrainStorage;

    public async Task<IStoredRecord<T>> ReadAsync(MessageQueue queue, CancellationToken cancellationToken)
    {
        // A state of its own: a storage that answers after it was given up must not change what is in use.
        var state = new GrainState<TStored>(new TStored());
        await storage.ReadStateAsync(stateName, grainOf(queue), state, cancellationToken).ConfigureAwait(false);
        return new Stored(this, queue, state);
    }

    private sealed class Stored(GrainRecordStorage<T, TStored> owner, MessageQueue queue, GrainState<TStored> state) : IStoredRecord<T>
    {
        public T? Value => state is { RecordExists: true, State: { } stored } ? owner.ToRecord(stored) : null;

        public Task WriteAsync(T value, CancellationToken cancellationToken)
        {
            state.State = owner.ToStored(queue, value);
            return owner.Storage.WriteStateAsync(owner.StateName, owner.GrainOf(queue), state, cancellationToken);
        }

        public Task ClearAsync(CancellationToken cancellationToken)
            => owner.Storage.ClearStateAsync(owner.StateName, owner.GrainOf(queue), state, cancellationToken);
    }

    private IGrainStorage Storage => storage;

    private string StateName => stateName;

    private GrainId GrainOf(MessageQueue queue) => grainOf(queue);

    private TStored ToStored(MessageQueue queue, T value) => toStored(queue, value);

    private T ToRecord(TStored stored) => toRecord(stored);
}
