using OrleansRocketMQ.Engine.Ports;

namespace OrleansRocketMQ.Engine.Tests.Support;

/// <summary>Records in memory, with versions: whoever writes by an old one is refused.</summary>
internal sealed class FakeRecords<T> : IRecordStorage<T>
    where T : class
{
    private readonly Dictionary<MessageQueue, (T? Value, int Version)> _stored = [];

    public bool IsLocal { get; set; }

    public int Reads { get; private set; }

    public int Writes { get; private set; }

    public int Clears { get; private set; }

    /// <summary>Calls whose token fired: the storage knows that nobody waits any more.</summary>
    public int GivenUp { get; private set; }

    public bool FailsToRead { get; set; }

    public bool FailsToWrite { get; set; }

    public bool NeverAnswersReads { get; set; }

    public bool NeverAnswersWrites { get; set; }

    /// <summary>Whether a write that fails is stored all the same.</summary>
    public bool StoresWhatFails { get; set; }

    public int Count => _stored.Values.Count(stored => stored.Value is not null);

    public T? ValueOf(MessageQueue queue) => _stored.GetValueOrDefault(queue).Value;

    public async Task<IStoredRecord<T>> ReadAsync(MessageQueue queue, CancellationToken cancellationToken)
    {
        Reads++;
        await AnswerAsync(NeverAnswersReads, FailsToRead, cancellationToken);
        var (value, version) = _stored.GetValueOrDefault(queue);
        return new Record(this, queue, value, version);
    }

    private async Task AnswerAsync(bool never, bool fails, CancellationToken cancellationToken)
    {
        if (never)
        {
            var end = new TaskCompletionSource();
            using var registration = cancellationToken.Register(() =>
            {
                GivenUp++;
                end.TrySetCanceled();
            });
            await end.Task;
        }

        if (fails)
        {
            throw new InvalidOperationException("The storage is away.");
        }
    }

    private sealed class Record(FakeRecords<T> storage, MessageQueue queue, T? value, int version) : IStoredRecord<T>
    {
        private int _version = version;

        public T? Value { get; private set; } = value;

        public Task WriteAsync(T value, CancellationToken cancellationToken)
        {
            storage.Writes++;
            return PutAsync(value, cancellationToken);
        }

        public Task ClearAsync(CancellationToken cancellationToken)
        {
            storage.Clears++;
            return PutAsync(null, cancellationToken);
        }

        private async Task PutAsync(T? value, CancellationToken cancellationToken)
        {
            if (storage.FailsToWrite && storage.StoresWhatFails)
            {
                Store(value);
            }

            await storage.AnswerAsync(storage.NeverAnswersWrites, storage.FailsToWrite, cancellationToken);
            Store(value);
        }

        private void Store(T? value)
        {
            var stored = storage._stored.GetValueOrDefault(queue).Version;
            if (stored != _version)
            {
                throw new InvalidOperationException($"Somebody else has written: version {stored}, not {_version}.");
            }

            storage._stored[queue] = (value, ++_version);
            Value = value;
        }
    }
}
