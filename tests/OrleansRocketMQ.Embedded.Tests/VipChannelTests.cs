using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Connections;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Tests;

public class VipChannelTests
{
    private const string Vip = "broker-a (vip)";

    [Fact]
    public async Task Short_requests_come_to_the_second_port_and_the_others_to_the_first()
    {
        await using var rocketMQ = await EmbeddedRocketMQ.StartAsync(new() { VipChannel = true });
        rocketMQ.CreateTopic("orders", 1);
        var queue = new MessageQueue("orders", "broker-a", 0);
        var address = rocketMQ.Broker.Address;
        Assert.Equal(HostAndPort.Parse(address).Port - 2, HostAndPort.Parse(rocketMQ.Broker.VipAddress!).Port);
        await using var client = NewClient(rocketMQ);
        await using var producer = new Producer(client, new ProducerOptions { Group = "p" }, NullLoggerFactory.Instance);

        await producer.SendAsync(new Message("orders", "fast"u8.ToArray()));
        await client.Brokers.HeartbeatAsync(address, new HeartbeatData { ClientId = "c", ConsumerDataSet = [new ConsumerData { GroupName = "g" }] });
        await client.Brokers.PullAsync(address, new PullRequest("g", queue, 0) { Expression = "*", SuspendTimeout = TimeSpan.Zero });
        Assert.Equal([queue], await client.Brokers.LockAsync(address, "g", "c", [queue]));
        await client.Brokers.UpdateConsumerOffsetAsync(address, "g", queue, 1);
        Assert.Equal(1, await client.Brokers.QueryConsumerOffsetAsync(address, "g", queue));
        Assert.Equal(["c"], await client.Brokers.GetConsumerIdsAsync(address, "g"));
        await client.Brokers.UnlockAsync(address, "g", "c", [queue]);
        await client.Brokers.UnregisterAsync(address, "c", null, "g");

        int[] second =
        [
            RequestCodes.SendMessageV2, RequestCodes.LockBatchMessageQueue, RequestCodes.UnlockBatchMessageQueue, RequestCodes.UpdateConsumerOffset,
            RequestCodes.QueryConsumerOffset, RequestCodes.GetConsumerListByGroup,
        ];
        Assert.All(second, code => Assert.Equal((1, 0), (rocketMQ.Faults.RequestsSeen(code, Vip), rocketMQ.Faults.RequestsSeen(code, "broker-a"))));
        Assert.All(
            new[] { RequestCodes.HeartBeat, RequestCodes.PullMessage, RequestCodes.UnregisterClient },
            code => Assert.Equal((0, 1), (rocketMQ.Faults.RequestsSeen(code, Vip), rocketMQ.Faults.RequestsSeen(code, "broker-a"))));
    }

    [Fact]
    public async Task A_broker_that_restarts_has_both_ports_again()
    {
        await using var rocketMQ = await EmbeddedRocketMQ.StartAsync(new() { VipChannel = true });
        rocketMQ.CreateTopic("orders", 1);
        var ports = (rocketMQ.Broker.Address, rocketMQ.Broker.VipAddress);

        await rocketMQ.Broker.RestartAsync();

        Assert.Equal(ports, (rocketMQ.Broker.Address, rocketMQ.Broker.VipAddress));
        await using var client = NewClient(rocketMQ);
        Assert.Equal(0, await client.Brokers.GetMaxOffsetAsync(rocketMQ.Broker.Address, new MessageQueue("orders", "broker-a", 0)));
        Assert.Equal(1, rocketMQ.Faults.RequestsSeen(RequestCodes.GetMaxOffset, Vip));
    }

    private static RocketMQClient NewClient(EmbeddedRocketMQ rocketMQ) => new(
        new RocketMQClientOptions { NameServerAddresses = [rocketMQ.NameServerAddress], ClientId = "127.0.0.1@vip", VipChannel = true }, NullLoggerFactory.Instance);
}
