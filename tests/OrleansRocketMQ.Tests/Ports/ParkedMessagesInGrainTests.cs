using Microsoft.Extensions.DependencyInjection;
using Orleans;
using Orleans.Storage;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Parking;
using OrleansRocketMQ.Storage;
using OrleansRocketMQ.Tests.Contracts;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Ports;

/// <summary>Messages that are parked in the grain of their group, on a silo.</summary>
public sealed class ParkedMessagesInGrainTests : ParkedMessageStoreContract, IAsyncLifetime
{
    private readonly KeptStorage _storage = new();
    private TestRocketMQ? _rocketmq;
    private TestCluster? _cluster;

    public async Task InitializeAsync()
    {
        _rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        _cluster = await _rocketmq.ConsumeAsync(
            prepare: builder => builder.Services.AddKeyedSingleton<IGrainStorage>(StateStorage.ProviderName, _storage));
    }

    public async Task DisposeAsync()
    {
        await _cluster!.DisposeAsync();
        await _rocketmq!.DisposeAsync();
    }

    private protected override IParkedMessageStore Create() => new GrainParkedMessages(
        _cluster!.Silos.GetSiloServiceProvider(_cluster.Silos.Silos[0].SiloAddress).GetRequiredService<IGrainFactory>(), _rocketmq!.MyGroup);

    private protected override async Task<IReadOnlyCollection<MessageToPark>> FindAsync()
    {
        var page = await _cluster!.Silos.Client.GetGrain<IParkedMessageGrain>(_rocketmq!.MyGroup).ListAsync();
        return [.. page.Messages.Select(parked => new MessageToPark(parked.Queue, parked.Offset, parked.MessageId, parked.Topic, parked.Reason))];
    }

    private protected override void SetFailing(bool fails) => _storage.Fails = fails;
}
