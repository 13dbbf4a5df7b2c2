using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Pop;

/// <summary>What counts while a broker does not say whether messages are pulled or popped.</summary>
public sealed class ConsumeModesTests
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(20);

    private readonly FakeTimeProvider _time = new();

    [Fact]
    public async Task A_broker_that_cannot_be_asked_leaves_it_open_for_five_seconds_and_is_pulled_from_then()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await using var client = await ClientAsync(rocketmq);
        var modes = ModesOf(rocketmq, client);
        var away = new MessageQueue(TestRocketMQ.Topic, "away", 0);
        MessageQueue[] queues = [away, QueueOf(rocketmq)];

        await modes.RefreshAsync(queues, Interval, CancellationToken.None);
        Assert.Equal((null, false), (modes.Pops(away), modes.Pops(queues[1])));
        _time.Advance(TimeSpan.FromSeconds(4));
        await modes.RefreshAsync(queues, Interval, CancellationToken.None);
        Assert.Null(modes.Pops(away));
        _time.Advance(TimeSpan.FromSeconds(1));
        await modes.RefreshAsync(queues, Interval, CancellationToken.None);
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
        await modes.RefreshAsync([known], Interval, CancellationToken.None);
        Assert.False(modes.Pops(known));
        proxy.SwallowAll();

        var began = Stopwatch.GetTimestamp();
        await modes.RefreshAsync(
            [known, .. Enumerable.Range(0, 200).Select(number => known with { Topic = $"topic-{number}" })], Interval, CancellationToken.None);

        Assert.InRange(Stopwatch.GetElapsedTime(began), TimeSpan.Zero, TimeSpan.FromSeconds(5));
        Assert.Null(modes.Pops(known with { Topic = "topic-199" }));
        Assert.False(modes.Pops(known));
    }

    [Fact]
    public async Task Looks_that_follow_each_other_closely_ask_once_and_a_switch_is_noticed_by_the_next_regular_one()
    {
        var asked = 0;
        await using var rocketmq = await TestRocketMQ.StartAsync();
        using var watch = rocketmq.Faults.Inject(Fault.NoAnswer() with
        {
            RequestCode = RequestCodes.QueryAssignment,
            When = _ => Interlocked.Increment(ref asked) < 0,
        });
        await using var client = await ClientAsync(rocketmq);
        var modes = ModesOf(rocketmq, client);
        var queue = QueueOf(rocketmq);
        for (var look = 0; look < 10; look++)
        {
            await modes.RefreshAsync([queue], Interval, CancellationToken.None);
            _time.Advance(Interval / 100);
        }

        Assert.Equal((1, false), (asked, modes.Pops(queue)));

        await client.Brokers.SetMessageRequestModeAsync(rocketmq.Broker.Address, TestRocketMQ.Topic, rocketmq.MyGroup, MessageRequestMode.Pop);
        _time.Advance(Interval * 0.9);
        await modes.RefreshAsync([queue], Interval, CancellationToken.None);

        Assert.Equal((2, true), (asked, modes.Pops(queue)));
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
