using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Tests.Security;

public class VipChannelTests
{
    [Theory]
    [InlineData(RequestCodes.ConsumerSendMessageBack)]
    [InlineData(RequestCodes.LockBatchMessageQueue)]
    [InlineData(RequestCodes.UnlockBatchMessageQueue)]
    [InlineData(RequestCodes.GetConsumerListByGroup)]
    [InlineData(RequestCodes.QueryConsumerOffset)]
    [InlineData(RequestCodes.UpdateConsumerOffset)]
    [InlineData(RequestCodes.GetMaxOffset)]
    [InlineData(RequestCodes.SendMessageV2)]
    public void Short_requests_go_two_ports_below(int code)
        => Assert.Equal("10.0.0.1:10909", VipChannel.AddressFor("10.0.0.1:10911", RemotingCommand.Request(code)));

    [Theory]
    [InlineData(RequestCodes.HeartBeat)]
    [InlineData(RequestCodes.PullMessage)]
    [InlineData(RequestCodes.UnregisterClient)]
    [InlineData(RequestCodes.EndTransaction)]
    public void What_must_wait_or_makes_a_member_stays(int code)
        => Assert.Equal("10.0.0.1:10911", VipChannel.AddressFor("10.0.0.1:10911", RemotingCommand.Request(code)));

    [Fact]
    public void An_unlock_without_an_answer_stays_too_and_a_commit_without_one_does_not()
    {
        Assert.Equal("b:10911", VipChannel.AddressFor("b:10911", RemotingCommand.Request(RequestCodes.UnlockBatchMessageQueue, oneWay: true)));
        Assert.Equal("b:10909", VipChannel.AddressFor("b:10911", RemotingCommand.Request(RequestCodes.UpdateConsumerOffset, oneWay: true)));
    }

    [Fact]
    public void An_address_without_room_below_stays()
        => Assert.Equal("b:2", VipChannel.AddressFor("b:2", RemotingCommand.Request(RequestCodes.GetMaxOffset)));
}
