using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Faults;

/// <summary>The name server has no usable answer for one of a group's topics.</summary>
public sealed class RouteFaultTests
{
    [Fact]
    public async Task A_topic_whose_route_is_refused_holds_up_no_other_topic_of_the_group_and_is_consumed_once_it_can_be_read()
    {
        const string Refused = "refused";
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 2);
        rocketmq.Embedded.CreateTopic(Refused, 1);
        await rocketmq.Producer.SendAsync(new Message(Refused, "late"u8.ToArray()));
        var refusing = rocketmq.Faults.Inject(Fault.Answer(ResponseCodes.NoPermission) with
        {
            Servers = FaultServers.NameServer,
            RequestCode = RequestCodes.GetRouteInfoByTopic,
            When = target => target.Request["topic"] == Refused,
        });
        await using var cluster = await rocketmq.BeginAsync(configure: options =>
        {
            options.ConsumeFromWhere = ConsumeFromWhere.FirstOffset;
            options.Subscriptions[Refused] = MessageSelector.All;
        });

        await rocketmq.SendAsync(10);
        await rocketmq.Recorder.UntilAsync(10);
        refusing.Dispose();
        await rocketmq.Recorder.UntilAsync(11);

        Assert.Equal("late", rocketmq.Recorder.Bodies.Last());
    }
}
