using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Brokers;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Engine.Offsets;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Offsets;

public sealed class BrokerOffsetStoreTests : OffsetStoreContract
{
    private TestRocketMQ? _rocketmq;

    public override async Task InitializeAsync()
    {
        _rocketmq = await TestRocketMQ.StartAsync();
        await _rocketmq.Client.Routes.GetAsync(TestRocketMQ.Topic);

        // A broker keeps offsets only of groups it has heard of.
        var group = _rocketmq.MyGroup;
        _rocketmq.Client.RegisterConsumer(
            group, () => new ConsumerData { GroupName = group, SubscriptionDataSet = [SubscriptionData.From(TestRocketMQ.Topic, MessageSelector.All, 1)] }, [TestRocketMQ.Topic]);
        await _rocketmq.Client.HeartbeatAsync();
    }

    public override async Task DisposeAsync() => await _rocketmq!.DisposeAsync();

    // What a young topic has been given by the broker's own rule would not be "nothing".
    private protected override IOffsetStore Create() => new BrokerOffsetStore(
        new ClientBrokers(_rocketmq!.Client, NullLogger<ClientBrokers>.Instance),
        new ClientRoutes(_rocketmq.Client),
        new ConsumerOptions { Group = _rocketmq.MyGroup, SkipHistory = true },
        new OffsetStoreMetrics(TimeProvider.System));

    private protected override void SetFailing(bool fails)
    {
        if (fails)
        {
            _rocketmq!.Faults.Inject(Fault.Answer(ResponseCodes.SystemError) with { RequestCode = RequestCodes.UpdateConsumerOffset });
            _rocketmq.Faults.Inject(Fault.Answer(ResponseCodes.SystemError) with { RequestCode = RequestCodes.QueryConsumerOffset });
        }
        else
        {
            _rocketmq!.Faults.Clear();
        }
    }
}
