using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Simulation.Kernel;

namespace OrleansRocketMQ.Engine.Simulation.World;

/// <summary>
/// A storage of one record for each queue, which outlives members: checkpoints, or counts of failures. Writes hold only where
/// nobody else has written since, as in the storages of grains.
/// </summary>
/// <param name="world">The world.</param>
/// <param name="name">Its name.</param>
/// <param name="isLocal">Whether each place where a member runs has one of its own.</param>
internal sealed class SimulatedRecords<T>(SimulatedWorld world, string name, bool isLocal)
    where T : class
{
    private readonly Dictionary<(MessageQueue Queue, int Place), Entry> _entries = [];
    private readonly SeededRandom _random = SeededRandom.Of(world.Setup.Seed, name);

    /// <summary>The storage as a member reaches it.</summary>
    public IRecordStorage<T> For(Owner owner) => new Storage(this, owner);

    /// <summary>The record of a queue is lost, wherever there is one.</summary>
    public void Forget(MessageQueue queue)
    {
        foreach (var place in _entries.Keys.Where(place => place.Queue == queue).ToArray())
        {
            _entries[place] = new Entry(null, _entries[place].Version + 1, 0);
        }
    }

    /// <summary>How often a queue had been moved when what a member finds of it was to be written; null when it finds nothing.</summary>
    public int? MovesBefore(MessageQueue queue, Owner owner)
        => Find((queue, isLocal ? owner.Index : 0)) is { Value: not null } entry ? entry.Moves : null;

    private Entry Find((MessageQueue Queue, int Place) place) => _entries.GetValueOrDefault(place, new Entry(null, 0, 0));

    /// <summary>Does something at the storage, and what comes between.</summary>
    private async Task CallAsync(Owner owner, MessageQueue queue, Action act, CancellationToken cancellationToken)
    {
        var index = world.Find(queue).Index;
        owner.ThrowIfDead();
        await world.Time.Delay(_random.Between(TimeSpan.FromTicks(500), TimeSpan.FromMilliseconds(5)), cancellationToken);
        if (world.Strikes(FaultKind.StorageRefused, index))
        {
            throw new CallFailedException(FaultKind.StorageRefused);
        }

        if (world.Strikes(FaultKind.StorageSlow, index))
        {
            await world.Time.Delay(_random.Between(TimeSpan.Zero, TimeSpan.FromSeconds(2)), cancellationToken);
        }

        if (world.Strikes(FaultKind.StorageHangs, index, 50))
        {
            // Some listen to their token, some do not, and some of those do what they were asked in the end.
            var listens = _random.Chance(40);
            await world.Time.Delay(
                _random.Between(TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(9)), listens ? cancellationToken : CancellationToken.None);
            if (_random.Chance(50))
            {
                throw new CallFailedException(FaultKind.StorageHangs);
            }
        }

        owner.ThrowIfDead();
        act();
        if (world.Strikes(FaultKind.StorageAnswerLost, index))
        {
            throw new CallFailedException(FaultKind.StorageAnswerLost);
        }
    }

    private readonly record struct Entry(T? Value, int Version, int Moves);

    private sealed class Storage(SimulatedRecords<T> records, Owner owner) : IRecordStorage<T>
    {
        public bool IsLocal => records.IsLocal;

        public async Task<IStoredRecord<T>> ReadAsync(MessageQueue queue, CancellationToken cancellationToken)
        {
            var place = (queue, records.IsLocal ? owner.Index : 0);
            Entry entry = default;
            await records.CallAsync(owner, queue, () => entry = records.Find(place), cancellationToken);
            return new Record(records, owner, place, entry);
        }
    }

    private bool IsLocal => isLocal;

    private int Moves(MessageQueue queue) => world.Ledgers[world.Find(queue).Index].Moves;

    private sealed class Record(SimulatedRecords<T> records, Owner owner, (MessageQueue Queue, int Place) place, Entry entry)
        : IStoredRecord<T>
    {
        private Entry _entry = entry;

        public T? Value => _entry.Value;

        public Task WriteAsync(T value, CancellationToken cancellationToken) => StoreAsync(value, cancellationToken);

        public Task ClearAsync(CancellationToken cancellationToken) => StoreAsync(null, cancellationToken);

        private async Task StoreAsync(T? value, CancellationToken cancellationToken)
        {
            var stored = new Entry(value, _entry.Version + 1, records.Moves(place.Queue));
            await records.CallAsync(
                owner,
                place.Queue,
                () =>
                {
                    if (records.Find(place).Version != _entry.Version)
                    {
                        throw new InvalidOperationException("Somebody else has written the record.");
                    }

                    records._entries[place] = stored;
                },
                cancellationToken);
            _entry = stored;
        }
    }
}
