using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Faults;

/// <summary>Silos that start where a broker is away or set up otherwise.</summary>
public sealed class SetUpFaultTests
{
    private const string Other = "parcels";

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_condition_is_checked_at_the_next_broker_when_the_first_one_is_away_and_other_topics_do_not_wait(bool isSilent)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        var second = await rocketmq.Embedded.AddBrokerAsync("broker-b");
        second.CreateTopic(TestRocketMQ.Topic, 1);
        second.CreateTopic(Other, 1);
        if (isSilent)
        {
            rocketmq.Faults.Inject(Fault.NoAnswer() with { BrokerName = rocketmq.Broker.Name });
        }
        else
        {
            await rocketmq.Broker.StopAsync(unregister: false);
        }

        await using var cluster = await TestCluster.BeginAsync(
            rocketmq.Embedded.NameServerAddress,
            rocketmq.MyGroup,
            Other,
            rocketmq.Recorder.Succeed(),
            consumer => consumer.Subscribe(TestRocketMQ.Topic, MessageSelector.BySql("color = 'red'")),
            setUp: builder => builder.Configure(options => options.RequestTimeout = TimeSpan.FromSeconds(1)));
        await Eventually.TrueAsync(
            () => cluster.StatusOf(rocketmq.MyGroup) is [var status] && status.Queues.Count(queue => queue.Queue.BrokerName == "broker-b" && queue.NextPullOffset >= 0) >= 2,
            "queues of both topics on the broker that lives");

        await SendAsync(rocketmq, second, Other, "tagged");
        await SendAsync(rocketmq, second, TestRocketMQ.Topic, "red");
        await rocketmq.Recorder.UntilAsync(2);

        Assert.Equal(["red", "tagged"], rocketmq.Recorder.Bodies.Order());
        rocketmq.Faults.Clear();
    }

    [Fact]
    public async Task A_condition_nobody_can_check_holds_up_no_other_topic()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        rocketmq.Embedded.CreateTopic(Other, 1);
        rocketmq.Faults.Inject(Fault.NoAnswer() with { RequestCode = RequestCodes.CheckClientConfig });

        await using var cluster = await TestCluster.BeginAsync(
            rocketmq.Embedded.NameServerAddress,
            rocketmq.MyGroup,
            Other,
            rocketmq.Recorder.Succeed(),
            consumer => consumer.Subscribe(TestRocketMQ.Topic, MessageSelector.BySql("color = 'red'")));
        await SendAsync(rocketmq, rocketmq.Broker, Other, "tagged");
        await rocketmq.Recorder.UntilAsync(1);

        await SendAsync(rocketmq, rocketmq.Broker, TestRocketMQ.Topic, "red");
        rocketmq.Faults.Clear();
        await rocketmq.Recorder.UntilAsync(2);
    }

    [Fact]
    public async Task A_group_the_broker_does_not_make_is_told_once_with_broker_and_remedy_and_health_says_the_same()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(options: TestRocketMQ.QuickRetries with { AutoCreateGroups = false });
        using var log = new WarningLog();
        await using var cluster = await TestCluster.BeginAsync(
            rocketmq.Embedded.NameServerAddress,
            rocketmq.MyGroup,
            TestRocketMQ.Topic,
            rocketmq.Recorder.Succeed(),
            setUp: builder =>
            {
                DeclaredListeners.HideIn(builder.Services);
                builder.Services.AddLogging(logging => logging.AddProvider(log));
                builder.Services.AddHealthChecks().AddRocketMQ();
            });
        string[] parts = [rocketmq.MyGroup, rocketmq.Broker.Name, rocketmq.Broker.Address, "mqadmin updateSubGroup"];
        bool IsTold(string text) => parts.All(part => text.Contains(part, StringComparison.Ordinal));

        await Eventually.TrueAsync(() => log.Lines.Any(IsTold), () => $"a warning; there are {string.Join(Environment.NewLine, log.Lines)}");
        var health = cluster.Silos.GetSiloServiceProvider(cluster.Silos.Silos[0].SiloAddress).GetRequiredService<HealthCheckService>();
        await Eventually.TrueAsync(async () => (await health.CheckHealthAsync()).Entries.Values.Any(entry => entry.Description is { } text && IsTold(text)), "health says so");
        var seen = rocketmq.Faults.RequestsSeen(RequestCodes.GetConsumerListByGroup);
        await Eventually.TrueAsync(() => rocketmq.Faults.RequestsSeen(RequestCodes.GetConsumerListByGroup) >= seen + 3, "three more looks");
        Assert.Single(log.Lines, line => IsTold(line) && line.Contains("cannot consume", StringComparison.Ordinal));

        await rocketmq.CreateGroupAsync();
        await rocketmq.SendAsync(1);
        await rocketmq.Recorder.UntilAsync(1);
        await Eventually.TrueAsync(async () => (await health.CheckHealthAsync()).Entries.Values.All(entry => !IsTold(entry.Description ?? string.Empty)), "health says so no more");
    }

    private static Task<SendMessageResponse> SendAsync(TestRocketMQ rocketmq, EmbeddedBroker broker, string topic, string body) => rocketmq.Client.Brokers.SendAsync(broker.Address, new()
    {
        ProducerGroup = "test_producer",
        Topic = topic,
        BrokerName = broker.Name,
        QueueId = 0,
        Body = System.Text.Encoding.UTF8.GetBytes(body),
        Properties = "color\u0001red\u0002",
        BornTimestamp = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(),
    });
}
