using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Offsets;
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
    }

    public override async Task DisposeAsync() => await _rocketmq!.DisposeAsync();

    // What a young topic has been given by the broker's own rule would not be "nothing".
    private protected override IOffsetStore Create()
        => new BrokerOffsetStore(_rocketmq!.Client, new ConsumerOptions { Group = _rocketmq.MyGroup, SkipHistory = true });

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
