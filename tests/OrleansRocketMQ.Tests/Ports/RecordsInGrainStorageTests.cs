using Microsoft.Extensions.Logging.Abstractions;
using Orleans;
using Orleans.Runtime;
using Orleans.Storage;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Storage;
using OrleansRocketMQ.Tests.Contracts;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Ports;

/// <summary>A silo with the grain storage of Orleans that it takes when the host has none.</summary>
public sealed class SiloWithStorage : IAsyncLifetime
{
    private TestRocketMQ? _rocketmq;
    private TestCluster? _cluster;

    internal IGrainStorage Storage => StateStorage.Find(_cluster!.Silos.GetSiloServiceProvider(_cluster.Silos.Silos[0].SiloAddress));

    public async Task InitializeAsync()
    {
        _rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        _cluster = await _rocketmq.BeginAsync(configure: options => options.AutoStart = false);
    }

    public async Task DisposeAsync()
    {
        await _cluster!.DisposeAsync();
        await _rocketmq!.DisposeAsync();
    }
}

/// <summary>Checkpoints in the grain storage of a silo.</summary>
public sealed class CheckpointsInGrainStorageTests(SiloWithStorage silo) : GrainRecordContract, IClassFixture<SiloWithStorage>
{
    private protected override IGrainStorage Storage => silo.Storage;

    private protected override Task<TextRecord> ReadAsync(IGrainStorage storage, MessageQueue queue) => CheckpointAsync(storage, queue);
}

/// <summary>Failure counts in the grain storage of a silo.</summary>
public sealed class FailuresInGrainStorageTests(SiloWithStorage silo) : GrainRecordContract, IClassFixture<SiloWithStorage>
{
    private protected override IGrainStorage Storage => silo.Storage;

    private protected override async Task<TextRecord> ReadAsync(IGrainStorage storage, MessageQueue queue) => new TextRecord<FailureList>(
        await QueueRecords.Failures(storage, GrainOf).ReadAsync(queue, CancellationToken.None),
        static text => new FailureList([new(1, text, 1)]),
        static record => record.Messages[0].MessageId);
}

/// <summary>Checkpoints in files, which only this member sees.</summary>
public sealed class CheckpointsInFilesTests : GrainRecordContract, IDisposable
{
    private readonly TestFolder _folder = new();

    private protected override IGrainStorage Storage => field ??= new FileGrainStorage(_folder.Path, NullLogger<FileGrainStorage>.Instance);

    public void Dispose() => _folder.Dispose();

    private protected override Task<TextRecord> ReadAsync(IGrainStorage storage, MessageQueue queue) => CheckpointAsync(storage, queue);
}

/// <summary>Records of queues as states of their grains, in a storage that a test can take away.</summary>
public abstract class GrainRecordContract : RecordStorageContract
{
    // Tests share a storage.
    private readonly string _test = Guid.NewGuid().ToString("N");
    private bool _fails;

    private protected abstract IGrainStorage Storage { get; }

    private protected abstract Task<TextRecord> ReadAsync(IGrainStorage storage, MessageQueue queue);

    private protected override Task<TextRecord> ReadAsync(MessageQueue queue) => ReadAsync(new Failing(Storage, () => _fails), queue);

    private protected override void SetFailing(bool fails) => _fails = fails;

    private protected async Task<TextRecord> CheckpointAsync(IGrainStorage storage, MessageQueue queue) => new TextRecord<CheckpointRecord>(
        await QueueRecords.Checkpoints(storage, GrainOf).ReadAsync(queue, CancellationToken.None),
        static text => new CheckpointRecord(1, new AckSnapshot(1, 2, []), new SeenMessage(1, text)),
        static record => record.Newest!.Id);

    private protected GrainId GrainOf(MessageQueue queue) => GrainId.Create("queue", $"{_test}/{queue.QueueId}");

    /// <summary>The way to a storage, which may be cut.</summary>
    private sealed class Failing(IGrainStorage storage, Func<bool> fails) : IGrainStorage
    {
        public Task ReadStateAsync<TState>(string stateName, GrainId grainId, IGrainState<TState> grainState)
            => To(() => storage.ReadStateAsync(stateName, grainId, grainState));

        public Task WriteStateAsync<TState>(string stateName, GrainId grainId, IGrainState<TState> grainState)
            => To(() => storage.WriteStateAsync(stateName, grainId, grainState));

        public Task ClearStateAsync<TState>(string stateName, GrainId grainId, IGrainState<TState> grainState)
            => To(() => storage.ClearStateAsync(stateName, grainId, grainState));

        private Task To(Func<Task> storage) => fails() ? Task.FromException(new InvalidOperationException("The storage is away.")) : storage();
    }
}
