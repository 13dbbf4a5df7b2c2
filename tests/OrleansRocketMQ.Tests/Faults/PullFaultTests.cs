using System.Collections.Concurrent;
using System.Text;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Faults;

/// <summary>Whatever happens to pulls, no message is lost and no offset passes one that was not delivered.</summary>
public sealed class PullFaultTests
{
    private static readonly Fault OfPulls = Fault.NoAnswer() with { RequestCode = RequestCodes.PullMessage };

    public static TheoryData<string> WaysToBreakOff => ["close", "close after handling", "truncate"];

    [Theory]
    [MemberData(nameof(WaysToBreakOff))]
    public async Task Connections_that_end_during_pulls_lose_nothing(string how)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await using var cluster = await rocketmq.ConsumeAsync();
        await using var watch = OffsetWatch.Over(rocketmq);
        var fault = how switch
        {
            "close" => Fault.CloseConnection(),
            "truncate" => Fault.TruncateAnswer(),
            _ => Fault.CloseConnection() with { HandleFirst = true },
        };

        using var closing = rocketmq.Faults.Inject(fault with { RequestCode = RequestCodes.PullMessage, When = IsOfTheTopic, Times = 4, Skip = 3 });
        await rocketmq.SendAsync(200);
        await rocketmq.UntilAllCameAsync(200);

        Assert.Equal(TestRocketMQ.Numbers(200), rocketmq.Recorder.Bodies.Distinct().Order());
        await rocketmq.UntilCommittedAsync(200);
    }

    [Theory]
    [InlineData(ResponseCodes.FlowControl)]
    [InlineData(ResponseCodes.SystemBusy)]
    [InlineData(ResponseCodes.SystemError)]
    [InlineData(ResponseCodes.SubscriptionNotLatest)]
    [InlineData(ResponseCodes.SubscriptionGroupNotExist)]
    public async Task A_broker_that_refuses_pulls_for_a_while_is_asked_again(int code)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 2);
        using var refusing = rocketmq.Faults.Inject(Fault.Answer(code) with { RequestCode = RequestCodes.PullMessage, When = IsOfTheTopic, Times = 8 });
        await rocketmq.SendAsync(100);
        await using var cluster = await rocketmq.BeginAsync();
        await using var watch = OffsetWatch.Over(rocketmq);

        await rocketmq.UntilAllCameAsync(100);

        Assert.Equal(100, rocketmq.Recorder.Count);
        await rocketmq.UntilCommittedAsync(100);
    }

    [Fact]
    public async Task A_broker_that_has_forgotten_the_group_hears_a_heartbeat_at_once_and_goes_on()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await rocketmq.ConsumeAsync(setUp: options => options.HeartbeatInterval = TimeSpan.FromSeconds(100));
        await using var watch = OffsetWatch.Over(rocketmq);
        await rocketmq.SendAsync(10);
        await rocketmq.UntilAllCameAsync(10);
        var heartbeats = rocketmq.Faults.RequestsSeen(RequestCodes.HeartBeat);

        using var forgetting = rocketmq.Faults.Inject(
            Fault.Answer(ResponseCodes.SubscriptionNotExist) with { RequestCode = RequestCodes.PullMessage, When = IsOfTheTopic, Times = 1 });
        await rocketmq.SendAsync(10, first: 10);
        await rocketmq.UntilAllCameAsync(20);
        await rocketmq.SendAsync(10, first: 20);
        await rocketmq.UntilAllCameAsync(30);

        Assert.True(rocketmq.Faults.RequestsSeen(RequestCodes.HeartBeat) > heartbeats);
        Assert.Equal(30, rocketmq.Recorder.Count);
    }

    [Fact]
    public async Task Queues_of_a_broker_that_has_forgotten_the_group_do_not_wait_for_another_broker_that_is_silent()
    {
        const int Queues = 12;
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: Queues);
        var silent = await rocketmq.Embedded.AddBrokerAsync("broker-b");
        rocketmq.Embedded.CreateTopic(TestRocketMQ.Topic, Queues);
        await using var cluster = await rocketmq.ConsumeAsync(
            configure: options => options.PullSuspendTimeout = TimeSpan.FromMilliseconds(200),
            setUp: options => options.RequestTimeout = TimeSpan.FromSeconds(30));
        await Eventually.TrueAsync(() => Pulled(cluster, rocketmq).Distinct().Count() == 2 * Queues, "the queues of both brokers are pulled");

        using var silence = rocketmq.Faults.Inject(Fault.NoAnswer() with { RequestCode = RequestCodes.HeartBeat, BrokerName = silent.Name });
        var refused = new ConcurrentDictionary<string, bool>();
        using var forgetting = rocketmq.Faults.Inject(Fault.Answer(ResponseCodes.SubscriptionNotExist) with
        {
            RequestCode = RequestCodes.PullMessage,
            BrokerName = rocketmq.Broker.Name,
            When = target => IsOfTheTopic(target) && refused.TryAdd(target.Request.ExtFields["queueId"], true),
        });
        await Eventually.TrueAsync(() => refused.Count == Queues, "each queue of the one broker was refused once");
        await rocketmq.SendAsync(4 * Queues);

        await rocketmq.UntilAllCameAsync(4 * Queues);

        // Ends the heartbeat that waits there, and with it the wait of a silo that takes its leave.
        await silent.StopAsync();
    }

    private static IEnumerable<MessageQueue> Pulled(TestCluster cluster, TestRocketMQ rocketmq)
        => cluster.StatusOf(rocketmq.MyGroup)[0].Queues.Where(queue => queue.Queue.Topic == TestRocketMQ.Topic && queue.LastPulledAt is not null).Select(queue => queue.Queue);

    [Fact]
    public async Task A_pull_that_is_never_answered_is_given_up_and_made_again()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        using var silent = rocketmq.Faults.Inject(OfPulls with { When = IsOfTheTopic, Times = 1 });
        await rocketmq.SendAsync(20);
        await using var cluster = await rocketmq.BeginAsync(configure: options => options.PullSuspendTimeout = TimeSpan.FromMilliseconds(100));
        await using var watch = OffsetWatch.Over(rocketmq);

        await rocketmq.UntilAllCameAsync(20);

        Assert.Equal(20, rocketmq.Recorder.Count);
        await rocketmq.UntilCommittedAsync(20);
    }

    [Fact]
    public async Task Where_the_oldest_messages_are_gone_the_queue_moves_to_the_first_that_is_left()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(
            queues: 1, TestRocketMQ.QuickRetries with { MaxMessageSize = 128 * 1024, MaxStoreBytes = 1024 * 1024 });
        var body = new byte[64 * 1024];
        Random.Shared.NextBytes(body); // does not compress
        for (var number = 0; number < 60; number++)
        {
            await rocketmq.Producer.SendAsync(new Message(TestRocketMQ.Topic, body) { Keys = $"{number}" });
        }

        var first = rocketmq.Broker.MinOffset(TestRocketMQ.Topic, 0);
        Assert.InRange(first, 1, 59);
        await using var cluster = await rocketmq.ConsumeAsync();
        await rocketmq.Recorder.UntilAsync(60 - (int)first);

        Assert.Equal(
            Enumerable.Range((int)first, 60 - (int)first),
            rocketmq.Recorder.Deliveries.Select(delivery => (int)delivery.Message.QueueOffset).Order());
        await rocketmq.UntilCommittedAsync(60);
    }

    [Fact]
    public async Task An_offset_beyond_the_end_is_corrected_downwards_and_what_comes_then_is_consumed()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.SendAsync(10);
        await using (await rocketmq.ConsumeAsync())
        {
            await rocketmq.UntilAllCameAsync(10);
        }

        var queue = new MessageQueue(TestRocketMQ.Topic, rocketmq.Broker.Name, 0);
        await rocketmq.Client.Brokers.UpdateConsumerOffsetAsync(rocketmq.Broker.Address, rocketmq.MyGroup, queue, 1000);
        await using var cluster = await rocketmq.BeginAsync();
        await rocketmq.UntilCommittedAsync(10);
        await rocketmq.SendAsync(10, first: 10);
        await rocketmq.UntilAllCameAsync(20);

        await rocketmq.UntilCommittedAsync(20);
        Assert.Equal(20, rocketmq.Recorder.Count);
    }

    [Fact]
    public async Task A_broken_record_in_an_answer_skips_nothing()
    {
        await using var proxy = new CorruptingProxy();
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1, proxy.Options);
        proxy.Start(rocketmq.Embedded);
        await rocketmq.SendAsync(40);
        proxy.CorruptNextPulls(3);

        await using var cluster = await rocketmq.BeginAsync();
        await using var watch = OffsetWatch.Over(rocketmq);
        await rocketmq.UntilAllCameAsync(40);

        Assert.Equal(0, proxy.ToCorrupt);
        Assert.Equal(40, rocketmq.Recorder.Count);
        await rocketmq.UntilCommittedAsync(40);
    }

    [Fact]
    public async Task A_broken_record_that_stays_holds_the_queue_behind_it_and_nothing_else()
    {
        await using var proxy = new CorruptingProxy();
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1, proxy.Options);
        proxy.Start(rocketmq.Embedded);
        await rocketmq.SendAsync(40);
        proxy.CorruptOnlyOffset = 10;
        proxy.CorruptNextPulls(int.MaxValue);

        await using var cluster = await rocketmq.BeginAsync();
        await using var watch = OffsetWatch.Over(rocketmq);
        await Eventually.TrueAsync(
            () => cluster.StatusOf(rocketmq.MyGroup).SelectMany(group => group.Queues).Any(queue => queue.LastError.Contains("magic", StringComparison.Ordinal)),
            "the broken record is told of");
        await rocketmq.UntilCommittedAsync(10);

        proxy.CorruptNextPulls(0);
        await rocketmq.UntilAllCameAsync(40);
        await rocketmq.UntilCommittedAsync(40);
    }

    [Fact]
    public async Task A_broken_record_that_stays_is_parked_after_a_while_and_the_queue_goes_on_behind_it()
    {
        await using var proxy = new CorruptingProxy();
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1, proxy.Options);
        proxy.Start(rocketmq.Embedded);
        await rocketmq.SendAsync(40);
        proxy.CorruptOnlyOffset = 10;
        proxy.CorruptNextPulls(int.MaxValue);

        await using var cluster = await rocketmq.BeginAsync(configure: options => options.ParkAfter = TimeSpan.FromSeconds(1));
        await rocketmq.UntilCommittedAsync(40);

        Assert.Equal(39, rocketmq.Recorder.Bodies.Distinct().Count());
        var parked = Assert.Single((await cluster.Silos.Client.GetGrain<IParkedMessageGrain>(rocketmq.MyGroup).ListAsync()).Messages);
        Assert.Equal((10, TestRocketMQ.Topic), (parked.Offset, parked.Topic));
        Assert.Contains("magic", parked.Reason, StringComparison.Ordinal);
    }

    private static bool IsOfTheTopic(FaultTarget target) => target.Request["topic"] == TestRocketMQ.Topic;
}
