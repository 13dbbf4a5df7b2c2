using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Offsets;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Tests.Alone;
using OrleansRocketMQ.Engine.Tests.Support;
using OrleansRocketMQ.Tests.Contracts;
using OrleansRocketMQ.Tests.Offsets;

namespace OrleansRocketMQ.Engine.Tests.Ports;

/// <summary>The brokers' offset store over brokers in memory.</summary>
public sealed class BrokerOffsetStoreContractTests : OffsetStoreContract
{
    private readonly FakeBrokers _brokers = new(new FakeTimeProvider());

    public override Task InitializeAsync() => Task.CompletedTask;

    public override Task DisposeAsync() => Task.CompletedTask;

    private protected override IOffsetStore Create()
        => new BrokerOffsetStore(_brokers, new FakeRoutes(), new ConsumerOptions { Group = "g" }, new(TimeProvider.System));

    private protected override void SetFailing(bool fails)
    {
        foreach (var call in new[] { "update", "query" })
        {
            _brokers.Faults[call] = () => fails ? new BrokerNotAvailableException("away") : null;
        }
    }
}

/// <summary>Checkpoints in memory.</summary>
public sealed class CheckpointRecordContractTests : RecordStorageContract
{
    private readonly FakeRecords<CheckpointRecord> _records = new();

    private protected override async Task<TextRecord> ReadAsync(MessageQueue queue) => new TextRecord<CheckpointRecord>(
        await _records.ReadAsync(queue, CancellationToken.None),
        static text => new CheckpointRecord(1, new AckSnapshot(1, 2, []), new SeenMessage(1, text)),
        static record => record.Newest!.Id);

    private protected override void SetFailing(bool fails) => (_records.FailsToRead, _records.FailsToWrite) = (fails, fails);
}

/// <summary>Failure counts in memory.</summary>
public sealed class FailureRecordContractTests : RecordStorageContract
{
    private readonly FakeRecords<FailureList> _records = new();

    private protected override async Task<TextRecord> ReadAsync(MessageQueue queue) => new TextRecord<FailureList>(
        await _records.ReadAsync(queue, CancellationToken.None),
        static text => new FailureList([new(1, text, 1)]),
        static record => record.Messages[0].MessageId);

    private protected override void SetFailing(bool fails) => (_records.FailsToRead, _records.FailsToWrite) = (fails, fails);
}

/// <summary>Parked messages in memory.</summary>
public sealed class FakeParkedMessagesContractTests : ParkedMessageStoreContract
{
    private readonly FakeParkedMessages _parked = new();

    private protected override IParkedMessageStore Create() => _parked;

    private protected override Task<IReadOnlyCollection<MessageToPark>> FindAsync() => Task.FromResult(_parked.Parked);

    private protected override void SetFailing(bool fails) => _parked.Fails = fails;
}

/// <summary>The brokers most tests have.</summary>
public sealed class FakeBrokersContractTests : BrokersContract
{
    private readonly FakeBrokers _brokers = new(new FakeTimeProvider());

    private protected override string Address => FakeRoutes.AddressOf(Queue.BrokerName);

    private protected override IBrokers Create() => _brokers;

    private protected override Task StoreAsync(int messages)
    {
        _brokers.Store(Queue, messages);
        return Task.CompletedTask;
    }
}

/// <summary>The broker with one queue.</summary>
public sealed class OneQueueBrokerContractTests : BrokersContract
{
    private readonly OneQueueBroker _broker = new(Queue, new FakeTimeProvider());

    private protected override string Address => "127.0.0.1:10911";

    private protected override IBrokers Create() => _broker;

    private protected override Task StoreAsync(int messages)
    {
        _broker.Store(messages);
        return Task.CompletedTask;
    }
}
