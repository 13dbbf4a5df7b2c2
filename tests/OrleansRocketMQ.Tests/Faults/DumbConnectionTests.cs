using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
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
    public async Task While_connections_to_a_broker_swallow_everything_no_lag_is_told_and_health_says_which_broker_is_silent()
    {
        await using var proxy = new SwallowingProxy();
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 2, proxy.Options);
        proxy.Start(rocketmq.Embedded);
        await using var cluster = await TestCluster.ConsumeAsync(
            rocketmq.Embedded.NameServerAddress,
            rocketmq.MyGroup,
            TestRocketMQ.Topic,
            rocketmq.Recorder.Succeed(),
            setUp: builder =>
            {
                DeclaredListeners.HideIn(builder.Services);
                builder.Configure(options => options.RequestTimeout = TimeSpan.FromSeconds(2));
                builder.Services.AddHealthChecks().AddRocketMQ();
            });
        await Eventually.TrueAsync(() => cluster.StatusOf(rocketmq.MyGroup) is [{ IsReady: true, Lag: 0 }], "ready and nothing to do");
        await Eventually.TrueAsync(() => rocketmq.Broker.HeldPulls >= 2, "pulls wait");
        Assert.Equal(HealthStatus.Healthy, (await HealthAsync(cluster)).Status);

        proxy.SwallowAll();

        // Long before a pull of itself would be over: what tells is the connection.
        await Eventually.TrueAsync(
            () => cluster.StatusOf(rocketmq.MyGroup) is [{ Lag: null } group] && group.Queues.All(queue => queue is { Lag: null, LastError.Length: > 0 }),
            () => $"no lag is told; it is {cluster.StatusOf(rocketmq.MyGroup)[0]}",
            BeforeAnyPullEnds);
        var (status, text) = await HealthAsync(cluster);
        Assert.Equal(HealthStatus.Degraded, status);
        Assert.Contains($"broker {rocketmq.Broker.Name} at {rocketmq.Broker.Address} has not answered", text, StringComparison.Ordinal);

        // For as long as it lasts.
        var opened = proxy.Opened;
        await Eventually.TrueAsync(
            async () =>
            {
                Assert.Null(cluster.StatusOf(rocketmq.MyGroup)[0].Lag);
                Assert.NotEqual(HealthStatus.Healthy, (await HealthAsync(cluster)).Status);
                return proxy.Opened >= opened + 3;
            },
            "three more connections");

        proxy.Pass();
        await SendAsync(rocketmq, 2);
        await rocketmq.Recorder.UntilAsync(2);
        await Eventually.TrueAsync(
            async () => (await HealthAsync(cluster)).Status == HealthStatus.Healthy && cluster.StatusOf(rocketmq.MyGroup) is [{ IsReady: true, Lag: 0 }], "healthy again");
    }

    [Fact]
    public async Task A_connection_on_which_pulls_wait_for_long_and_that_serves_stays()
    {
        await using var proxy = new SwallowingProxy();
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 4, proxy.Options);
        proxy.Start(rocketmq.Embedded);
        await using var cluster = await rocketmq.ConsumeAsync(setUp: options => options.RequestTimeout = TimeSpan.FromMilliseconds(400));
        await Eventually.TrueAsync(() => rocketmq.Broker.HeldPulls >= 5, "pulls wait, that of the retry topic too");
        var (opened, pulls) = (proxy.Opened, rocketmq.Faults.RequestsSeen(Protocol.RequestCodes.PullMessage));
        var heartbeats = rocketmq.Faults.RequestsSeen(Protocol.RequestCodes.HeartBeat);

        await Eventually.TrueAsync(() => rocketmq.Faults.RequestsSeen(Protocol.RequestCodes.HeartBeat) >= heartbeats + 5, "it is asked again and again");

        Assert.Equal(opened, proxy.Opened);
        Assert.Equal(pulls, rocketmq.Faults.RequestsSeen(Protocol.RequestCodes.PullMessage));
    }

    private static async Task<(HealthStatus Status, string Text)> HealthAsync(TestCluster cluster)
    {
        var service = cluster.Silos.GetSiloServiceProvider(cluster.Silos.Silos[0].SiloAddress).GetRequiredService<HealthCheckService>();
        var report = await service.CheckHealthAsync(check => check.Tags.Contains(RocketMQHealthChecksBuilderExtensions.ReadyTag));
        return (report.Status, Assert.Single(report.Entries).Value.Description ?? string.Empty);
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
