using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Faults;

/// <summary>Connections that are open and swallow everything.</summary>
public sealed class DumbConnectionTests
{
    // Far below the 30 s after which a pull itself would be over.
    private static readonly TimeSpan BeforeAnyPullEnds = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task A_connection_on_which_only_pulls_wait_is_replaced_when_it_goes_dumb_and_consuming_goes_on()
    {
        await using var proxy = new SwallowingProxy();
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 4, proxy.Options);
        proxy.Start(rocketmq.Embedded);
        await using var cluster = await rocketmq.ConsumeAsync(
            configure: options =>
            {
                options.PersistInterval = TimeSpan.FromHours(1);
                options.CheckpointInterval = TimeSpan.Zero;
            },
            setUp: options =>
            {
                options.RequestTimeout = TimeSpan.FromSeconds(2);
                options.HeartbeatInterval = TimeSpan.FromSeconds(100);
                options.PollNameServerInterval = TimeSpan.FromHours(1);
                options.RebalanceInterval = TimeSpan.FromHours(1);
            });
        await SendAsync(rocketmq, 4);
        await rocketmq.Recorder.UntilAsync(4);
        await Eventually.TrueAsync(() => rocketmq.Broker.HeldPulls >= 4, "pulls wait");
        var opened = proxy.Opened;

        proxy.Swallow();
        await SendAsync(rocketmq, 4);

        await Eventually.TrueAsync(() => rocketmq.Recorder.Count >= 8, () => $"8 messages; there are {rocketmq.Recorder.Count}", BeforeAnyPullEnds);
        Assert.True(proxy.Opened > opened, "a new connection");
    }

    [Fact]
    public async Task A_connection_on_which_pulls_wait_for_long_and_that_serves_stays()
    {
        await using var proxy = new SwallowingProxy();
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 4, proxy.Options);
        proxy.Start(rocketmq.Embedded);
        await using var cluster = await rocketmq.ConsumeAsync(setUp: options => options.RequestTimeout = TimeSpan.FromMilliseconds(400));
        await Eventually.TrueAsync(() => rocketmq.Broker.HeldPulls >= 4, "pulls wait");
        var (opened, pulls) = (proxy.Opened, rocketmq.Faults.RequestsSeen(Protocol.RequestCodes.PullMessage));
        var heartbeats = rocketmq.Faults.RequestsSeen(Protocol.RequestCodes.HeartBeat);

        await Eventually.TrueAsync(() => rocketmq.Faults.RequestsSeen(Protocol.RequestCodes.HeartBeat) >= heartbeats + 5, "it is asked again and again");

        Assert.Equal(opened, proxy.Opened);
        Assert.Equal(pulls, rocketmq.Faults.RequestsSeen(Protocol.RequestCodes.PullMessage));
    }

    // Past the proxy.
    private static async Task SendAsync(TestRocketMQ rocketmq, int queues)
    {
        for (var queue = 0; queue < queues; queue++)
        {
            await rocketmq.Client.Brokers.SendAsync($"127.0.0.1:{rocketmq.Broker.Address.Split(':')[1]}", new SendMessageRequest
            {
                ProducerGroup = "test_producer",
                Topic = TestRocketMQ.Topic,
                BrokerName = rocketmq.Broker.Name,
                QueueId = queue,
                Body = "b"u8.ToArray(),
                BornTimestamp = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(),
            });
        }
    }
}
