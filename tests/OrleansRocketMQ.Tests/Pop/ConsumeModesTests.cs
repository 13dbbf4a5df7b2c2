using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Pop;

/// <summary>What counts while a broker does not say whether messages are pulled or popped.</summary>
public sealed class ConsumeModesTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public async Task A_broker_that_cannot_be_asked_leaves_it_open_for_five_seconds_and_is_pulled_from_then()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await using var client = await ClientAsync(rocketmq);
        var modes = ModesOf(rocketmq, client);
        var away = new MessageQueue(TestRocketMQ.Topic, "away", 0);
        MessageQueue[] queues = [away, QueueOf(rocketmq)];

        await modes.RefreshAsync(queues, CancellationToken.None);
        Assert.Equal((null, false), (modes.Pops(away), modes.Pops(queues[1])));
        _time.Advance(TimeSpan.FromSeconds(4));
        await modes.RefreshAsync(queues, CancellationToken.None);
        Assert.Null(modes.Pops(away));
        _time.Advance(TimeSpan.FromSeconds(1));
        await modes.RefreshAsync(queues, CancellationToken.None);
        Assert.False(modes.Pops(away));
    }

    [Fact]
    public async Task A_silent_broker_of_many_topics_holds_up_a_look_for_one_answer()
    {
        await using var proxy = new SwallowingProxy();
        await using var rocketmq = await TestRocketMQ.StartAsync(options: proxy.Options);
        proxy.Start(rocketmq.Embedded);
        await using var client = await ClientAsync(rocketmq);
        var modes = new ConsumeModes(
            new ConsumerOptions { Group = rocketmq.MyGroup }, client, canPop: true, TimeProvider.System, NullLogger.Instance);
        var known = QueueOf(rocketmq);
        await modes.RefreshAsync([known], CancellationToken.None);
        Assert.False(modes.Pops(known));
        proxy.SwallowAll();

        var began = Stopwatch.GetTimestamp();
        await modes.RefreshAsync(
            [known, .. Enumerable.Range(0, 200).Select(number => known with { Topic = $"topic-{number}" })], CancellationToken.None);

        Assert.InRange(Stopwatch.GetElapsedTime(began), TimeSpan.Zero, TimeSpan.FromSeconds(5));
        Assert.Null(modes.Pops(known with { Topic = "topic-199" }));
        Assert.False(modes.Pops(known));
    }

    private static MessageQueue QueueOf(TestRocketMQ rocketmq) => new(TestRocketMQ.Topic, rocketmq.Broker.Name, 0);

    private ConsumeModes ModesOf(TestRocketMQ rocketmq, RocketMQClient client)
        => new(new ConsumerOptions { Group = rocketmq.MyGroup }, client, canPop: true, _time, NullLogger.Instance);

    private static async Task<RocketMQClient> ClientAsync(TestRocketMQ rocketmq)
    {
        var client = new RocketMQClient(
            new RocketMQClientOptions { NameServerAddresses = [rocketmq.Embedded.NameServerAddress], ClientId = "modes" },
            NullLoggerFactory.Instance);
        client.Start();
        client.RegisterConsumer(
            rocketmq.MyGroup,
            () => new ConsumerData { GroupName = rocketmq.MyGroup, MessageModel = ConsumerDataValues.Clustering },
            [TestRocketMQ.Topic]);
        await client.Routes.GetAsync(TestRocketMQ.Topic);
        return client;
    }
}
