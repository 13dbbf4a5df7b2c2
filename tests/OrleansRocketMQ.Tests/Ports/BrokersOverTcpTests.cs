using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Brokers;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Contracts;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Ports;

/// <summary>The silo's brokers, over TCP, do what the engine's fakes do.</summary>
public sealed class BrokersOverTcpTests : BrokersContract, IAsyncLifetime
{
    private TestRocketMQ? _rocketmq;

    public async Task InitializeAsync()
    {
        _rocketmq = await TestRocketMQ.StartAsync();
        await _rocketmq.Client.Routes.GetAsync(TestRocketMQ.Topic);

        // A broker lets nobody pull, and keeps no offsets, of a group it has not heard of.
        _rocketmq.Client.RegisterConsumer(
            Group, () => new ConsumerData { GroupName = Group, SubscriptionDataSet = [SubscriptionData.From(TestRocketMQ.Topic, MessageSelector.All, 1)] }, [TestRocketMQ.Topic]);
        await _rocketmq.Client.HeartbeatAsync();
    }

    public async Task DisposeAsync() => await _rocketmq!.DisposeAsync();

    private protected override string Address => _rocketmq!.Broker.Address;

    private protected override IBrokers Create() => new ClientBrokers(_rocketmq!.Client, NullLogger<ClientBrokers>.Instance);

    private protected override async Task StoreAsync(int messages)
    {
        for (var number = 0; number < messages; number++)
        {
            await _rocketmq!.Producer.SendAsync(new Message(TestRocketMQ.Topic, new byte[4]), Queue);
        }
    }
}
