using System.Net;
using System.Text;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Infrastructure;
using OrleansRocketMQ.Tests.Management;
using OrleansRocketMQ.Tests.Telemetry;

namespace OrleansRocketMQ.Tests.Faults;

/// <summary>What users of other clients have reported as faults, as small as it goes.</summary>
public sealed class FieldReportTests
{
    private const string Other = "shipments";
    private const string Me = "test";

    private readonly Lock _gate = new();
    private readonly HashSet<string> _failed = [];

    public static TheoryData<string> OddKeys =>
        new(" ", "\t", "a/b", "@a/b", "a+b%2F%00", "../..", "ключ/\ud83d\ude00", new string('k', 20_000), "{\"k\":1}");

    [Fact]
    public async Task Brokers_and_name_servers_with_IPv6_addresses_are_consumed_and_their_messages_come_again_and_become_dead_letters()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 2, TestRocketMQ.QuickRetries with { BindAddress = IPAddress.IPv6Loopback });
        await using var cluster = await rocketmq.ConsumeAsync(
            rocketmq.Recorder.Then((messages, _) => TestRocketMQ.Text(messages[0]) == "0" || IsFirst(messages) ? ConsumeResult.ReconsumeLater : ConsumeResult.Success),
            options => options.MaxReconsumeTimes = 1);
        await rocketmq.SendAsync(4);

        await rocketmq.UntilCommittedAsync(4);
        await rocketmq.Recorder.UntilAsync(8);
        Assert.All(rocketmq.Recorder.Deliveries, delivery => Assert.Equal(56, delivery.Message.OffsetMessageId.Length));
        var letters = cluster.Silos.Client.GetGrain<IDeadLetterGrain>(rocketmq.MyGroup);
        await Eventually.TrueAsync(async () => (await letters.ListAsync()).Letters.Count == 1, "the letter");
        Assert.Equal(1, await letters.ResendAsync((await letters.ListAsync()).Letters[0].MessageId, Me));
        await rocketmq.Recorder.UntilAsync(9);
    }

    [Fact]
    public async Task A_broker_that_is_taken_out_of_service_leaves_nothing_behind_and_is_consumed_again_when_it_comes_back()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 2);
        var second = await rocketmq.Embedded.AddBrokerAsync("broker-b");
        second.CreateTopic(TestRocketMQ.Topic, 2);
        await using var cluster = await rocketmq.ConsumeAsync();
        await rocketmq.SendAsync(20);
        await rocketmq.UntilAllCameAsync(20);
        await Eventually.TrueAsync(() => Committed(rocketmq, rocketmq.Broker) + Committed(rocketmq, second) == 20, "all committed");

        await second.StopAsync(unregister: true);
        await Eventually.TrueAsync(
            () => cluster.StatusOf(rocketmq.MyGroup).SelectMany(status => status.Queues).All(queue => queue.Queue.BrokerName == rocketmq.Broker.Name),
            () => $"no queue of it is left; there are {string.Join(", ", cluster.StatusOf(rocketmq.MyGroup).SelectMany(status => status.Queues).Select(queue => queue.Queue))}");
        await rocketmq.SendAsync(10, first: 20);
        await rocketmq.UntilAllCameAsync(30);
        Assert.All(cluster.StatusOf(rocketmq.MyGroup).SelectMany(status => status.Queues), queue => Assert.Equal(string.Empty, queue.LastError));

        await second.StartAsync();
        await rocketmq.SendAsync(20, first: 30);
        await Eventually.TrueAsync(
            async () =>
            {
                // Until the producer has learnt of it, all go to the other one.
                await rocketmq.Client.Routes.RefreshAsync(TestRocketMQ.Topic);
                await rocketmq.SendAsync(1, first: rocketmq.Recorder.Bodies.Distinct().Count() + 1000);
                return rocketmq.Recorder.Deliveries.Any(delivery => delivery.Queue.BrokerName == second.Name && int.Parse(delivery.Body, null) >= 30);
            },
            "its new messages come");
        var all = rocketmq.Recorder.Deliveries;
        Assert.Equal(all.Count, all.DistinctBy(delivery => (delivery.Queue, delivery.Message.QueueOffset)).Count());
    }

    [Theory]
    [InlineData("traceparent\u000100-zz-1-1\u0002")]
    [InlineData("traceparent\u000100-00000000000000000000000000000000-0000000000000000-01\u0002tracestate\u0001,,,=\u0002")]
    [InlineData("traceparent\u0001ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-extra\u0002baggage\u0001=;,,%zz,a=b;;=c\u0002")]
    [InlineData("baggage\u0001%%%=%%%\u0002tracestate\u0001x\u0002")]
    public async Task A_message_whose_trace_cannot_be_read_is_consumed_like_any_other(string properties)
    {
        using var probe = new ActivityProbe();
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await rocketmq.ConsumeAsync(rocketmq.Recorder.Then((messages, _) => IsFirst(messages) ? ConsumeResult.ReconsumeLater : ConsumeResult.Success));
        await rocketmq.SendAsync("odd", request => request with { Properties = properties + $"x\u0001{new string('v', 5000)}\u0002" });

        await rocketmq.UntilCommittedAsync(1);
        await rocketmq.Recorder.UntilAsync(2);
        Assert.Equal(["odd", "odd"], rocketmq.Recorder.Bodies);
        Assert.Equal(2, (await probe.ProcessedAsync(rocketmq.MyGroup, 2)).Count);
    }

    [Theory]
    [InlineData(60)]
    [InlineData(-60)]
    public async Task Where_the_brokers_clock_is_an_hour_away_messages_come_again_and_no_time_is_told_that_has_not_passed(int minutes)
    {
        var broker = new ShiftedTime(TimeSpan.FromMinutes(minutes));
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1, TestRocketMQ.QuickRetries with { TimeProvider = broker });
        await rocketmq.SendAsync(3);
        var hold = new TaskCompletionSource();
        await using var cluster = await rocketmq.ConsumeAsync(
            async (messages, context, _) =>
            {
                rocketmq.Recorder.Record(messages, context);
                await hold.Task;
                return IsFirst(messages) ? ConsumeResult.ReconsumeLater : ConsumeResult.Success;
            });
        await rocketmq.Recorder.UntilAsync(1);

        var status = cluster.StatusOf(rocketmq.MyGroup).Single().Queues.Single(queue => queue.Queue.Topic == TestRocketMQ.Topic);
        Assert.InRange(status.Slowest!.Age, TimeSpan.Zero, TimeSpan.FromMinutes(10));
        Assert.InRange(DateTimeOffset.UtcNow - status.LastPulledAt!.Value, TimeSpan.Zero, TimeSpan.FromMinutes(10));
        hold.SetResult();
        await rocketmq.Recorder.UntilAsync(6);
        await rocketmq.UntilCommittedAsync(3);
    }

    [Fact]
    public async Task A_message_that_failed_comes_again_though_its_topic_was_given_up_meanwhile()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        rocketmq.Embedded.CreateTopic(Other, 1);
        await using var cluster = await rocketmq.ConsumeAsync(
            rocketmq.Recorder.Then((messages, _) => IsFirst(messages) ? ConsumeResult.ReconsumeLater : ConsumeResult.Success),
            options => options.Subscriptions[Other] = MessageSelector.All);
        rocketmq.Faults.Inject(Fault.Answer(ResponseCodes.SystemBusy) with { RequestCode = RequestCodes.PullMessage, When = target => target.Request["topic"] == rocketmq.RetryTopic });
        await rocketmq.Producer.SendAsync(new Message(Other, "given up"u8.ToArray()));
        await rocketmq.Recorder.UntilAsync(1);
        await Eventually.TrueAsync(() => rocketmq.Committed(Other) == 1, "it is on its way back");

        await cluster.Consumer(rocketmq.MyGroup).Subscriptions.UnsubscribeAsync(Other);
        rocketmq.Faults.Clear();

        await rocketmq.Recorder.UntilAsync(2);
        Assert.Equal([Other, Other], rocketmq.Recorder.Deliveries.Select(delivery => delivery.Message.Topic));
        await Eventually.TrueAsync(() => rocketmq.Committed(rocketmq.RetryTopic) == 1, "the retry is committed");
    }

    [Theory]
    [InlineData("DELAY\u00011\u0002")]
    [InlineData("TIMER_DELAY_SEC\u00012\u0002")]
    [InlineData("TIMER_DELAY_MS\u00012000\u0002")]
    public async Task What_came_after_a_delay_and_became_a_dead_letter_is_sent_again_without_one(string properties)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        var calls = 0;
        await using var cluster = await rocketmq.ConsumeAsync(
            rocketmq.Recorder.Then((_, context) =>
            {
                context.DelayLevelWhenNextConsume = ConsumeContext.ToDeadLetters;
                return Interlocked.Increment(ref calls) > 1 ? ConsumeResult.Success : ConsumeResult.ReconsumeLater;
            }));
        await rocketmq.SendAsync("late", request => request with { Properties = properties });
        await rocketmq.Recorder.UntilAsync(1);
        var letters = cluster.Silos.Client.GetGrain<IDeadLetterGrain>(rocketmq.MyGroup);
        await Eventually.TrueAsync(async () => (await letters.ListAsync()).Letters.Count == 1, "the letter");

        Assert.Equal(1, await letters.ResendAsync((await letters.ListAsync()).Letters[0].MessageId, Me));
        Assert.Equal(0, rocketmq.Broker.DelayedMessages(TestRocketMQ.Topic));
        await rocketmq.Recorder.UntilAsync(2);
    }

    [Theory]
    [InlineData(Mode.Concurrent)]
    [InlineData(Mode.Orderly)]
    [InlineData(Mode.KeyOrdered)]
    public async Task What_fails_at_a_broker_that_may_not_be_written_any_more_goes_on_at_another_one(Mode mode)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.Embedded.AddBrokerAsync("broker-b");
        await rocketmq.SendAsync(3, prepare: message => message.ShardingKey = Guid.NewGuid().ToString());
        rocketmq.Faults.Inject(Fault.Answer(ResponseCodes.NoPermission, "the broker[127.0.0.1] sending message is forbidden") with
        {
            Servers = FaultServers.Brokers,
            BrokerName = rocketmq.Broker.Name,
            When = target => target.Request.Code is RequestCodes.SendMessageV2 or RequestCodes.SendMessage or RequestCodes.ConsumerSendMessageBack,
        });
        await using var cluster = await rocketmq.ConsumeAsync(
            mode,
            messages => TestRocketMQ.Text(messages[0]) == "1" ? throw new InvalidOperationException("never") : Task.CompletedTask,
            configure: options =>
            {
                options.Subscriptions[Other] = MessageSelector.All;
                (options.MaxReconsumeTimes, options.SuspendCurrentQueueTime, options.RetryInterval) = (0, TimeSpan.FromMilliseconds(20), TimeSpan.FromMilliseconds(20));
            });
        // Whose brokers the group tells of itself: those of a topic.
        rocketmq.Embedded.CreateTopic(Other, 1);

        await rocketmq.UntilCommittedAsync(3);
        var letters = cluster.Silos.Client.GetGrain<IDeadLetterGrain>(rocketmq.MyGroup);
        await Eventually.TrueAsync(async () => (await letters.ListAsync()).Letters.Count == 1, "the letter");
        Assert.Equal("broker-b", (await letters.ListAsync()).Letters[0].Position.Queue.BrokerName);
    }

    [Theory]
    [MemberData(nameof(OddKeys))]
    public async Task Messages_with_any_sharding_key_are_consumed_in_order_and_come_again(string key)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 2);
        await using var cluster = await rocketmq.ConsumeAsync(
            Mode.KeyOrdered, messages => IsFirst(messages) ? throw new InvalidOperationException("the first time") : Task.CompletedTask, silos: 2);
        for (var number = 0; number < 5; number++)
        {
            await rocketmq.SendAsync($"{number}", request => request with { Properties = $"{MessageProperties.ShardingKey}\u0001{key}\u0002" });
        }

        await rocketmq.UntilCommittedAsync(5);
        Assert.Equal(["0", "1", "2", "3", "4"], rocketmq.Recorder.Bodies);
        Assert.All(rocketmq.Recorder.Deliveries, delivery => Assert.Equal(key, delivery.Message.ShardingKey));
    }

    [Fact]
    public async Task A_committed_transaction_that_becomes_a_dead_letter_is_sent_again_as_an_ordinary_message()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        var isHealed = false;
        await using var cluster = await rocketmq.ConsumeAsync(
            rocketmq.Recorder.Then((_, _) => isHealed ? ConsumeResult.Success : ConsumeResult.ReconsumeLater), options => options.MaxReconsumeTimes = 1);
        var half = await rocketmq.Producer.SendHalfAsync(new Message(TestRocketMQ.Topic, "paid"u8.ToArray()));
        await rocketmq.Producer.EndTransactionAsync(half, commit: true);
        await rocketmq.Recorder.UntilAsync(2);
        var letters = cluster.Silos.Client.GetGrain<IDeadLetterGrain>(rocketmq.MyGroup);
        await Eventually.TrueAsync(async () => (await letters.ListAsync()).Letters.Count == 1, "the letter");
        isHealed = true;

        Assert.Equal(1, await letters.ResendAsync((await letters.ListAsync()).Letters[0].MessageId, Me));
        await rocketmq.Recorder.UntilAsync(3);
        Assert.Equal(["paid", "paid", "paid"], rocketmq.Recorder.Bodies);
    }

    private bool IsFirst(MessageBatch messages)
    {
        lock (_gate)
        {
            return _failed.Add(TestRocketMQ.Text(messages[0]));
        }
    }

    private sealed class ShiftedTime(TimeSpan by) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + by;
    }

    private static long Committed(TestRocketMQ rocketmq, EmbeddedBroker broker)
        => Enumerable.Range(0, broker.QueueCount(TestRocketMQ.Topic)).Sum(queue => broker.CommittedOffset(rocketmq.MyGroup, TestRocketMQ.Topic, queue) ?? 0);
}
