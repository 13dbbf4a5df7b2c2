using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Orleans;
using Orleans.Hosting;
using Orleans.Storage;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Engine.Retry;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Storage;
using OrleansRocketMQ.Tests.Dispatch.Keyed;
using OrleansRocketMQ.Tests.Infrastructure;
using OrleansRocketMQ.Tests.Orderly;

namespace OrleansRocketMQ.Tests.Faults;

/// <summary>What no broker takes in any way is parked: it holds up nobody, and an operator finds it.</summary>
public sealed class ParkedMessageTests
{
    public enum Mode
    {
        Concurrent,
        InOrder,
        ByKey,
    }

    [Theory]
    [InlineData(Mode.Concurrent)]
    [InlineData(Mode.InOrder)]
    [InlineData(Mode.ByKey)]
    public async Task A_message_that_is_refused_every_way_is_parked_with_the_reason_and_those_behind_it_are_consumed(Mode mode)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        Refuse(rocketmq);
        await SendAsync(rocketmq);
        await using var cluster = await ConsumeAsync(rocketmq, mode, _ => false);

        await rocketmq.UntilCommittedAsync(3);

        var page = await ParkedOf(cluster, rocketmq).ListAsync();
        var parked = Assert.Single(page.Messages);
        Assert.Equal((1, null), (page.Total, page.Next));
        Assert.Equal((0L, TestRocketMQ.Topic, "bad"), (parked.Offset, parked.Topic, parked.Keys));
        Assert.Equal(new MessageQueue(TestRocketMQ.Topic, rocketmq.Broker.Name, 0), parked.Queue);
        Assert.Contains("SystemError", parked.Reason, StringComparison.Ordinal);
        Assert.Contains("MessageIllegal", parked.Reason, StringComparison.Ordinal);
        Assert.Equal("0", TestRocketMQ.Text((await ParkedOf(cluster, rocketmq).PeekAsync(parked.Number))!));
        Assert.Equal(parked.MessageId, (await ParkedOf(cluster, rocketmq).PeekAsync(parked.Number))!.MessageId);
    }

    [Fact]
    public async Task A_parked_message_that_is_sent_again_is_consumed_and_listed_no_more()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        var isWell = false;
        Refuse(rocketmq);
        await SendAsync(rocketmq);
        await using var cluster = await ConsumeAsync(rocketmq, Mode.Concurrent, _ => Volatile.Read(ref isWell));
        await rocketmq.UntilCommittedAsync(3);
        var parked = ParkedOf(cluster, rocketmq);
        rocketmq.Faults.Clear();
        Volatile.Write(ref isWell, true);

        var result = await parked.ResendAsync(null, "a test");

        Assert.Equal((1, 0), (result.Sent, result.Failures.Count));
        await rocketmq.UntilCommittedAsync(4);
        var last = rocketmq.Recorder.Deliveries[^1];
        Assert.Equal(("0", 0, "bad"), (last.Body, last.Message.ReconsumeTimes, last.Message.Keys));
        Assert.Equal(0, (await parked.ListAsync()).Total);
    }

    [Fact]
    public async Task One_that_cannot_be_sent_again_stays_with_its_reason_and_does_not_hold_up_the_others()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        Refuse(rocketmq);
        await rocketmq.SendAsync(3, prepare: message => message.Keys = "bad");
        await using var cluster = await ConsumeAsync(rocketmq, Mode.Concurrent, _ => false);
        await rocketmq.UntilCommittedAsync(3);
        var parked = ParkedOf(cluster, rocketmq);
        var second = (await parked.ListAsync()).Messages[1];
        var refusals = 0;
        rocketmq.Faults.Clear();
        rocketmq.Faults.Inject(Fault.Answer(ResponseCodes.NoPermission) with
        {
            // The three attempts for the second one.
            When = target => target.Request["b"] == TestRocketMQ.Topic && Interlocked.Increment(ref refusals) is > 1 and <= 4,
        });

        var result = await parked.ResendAsync(null, "a test");

        Assert.Equal(2, result.Sent);
        var (number, reason) = Assert.Single(result.Failures);
        Assert.Equal(second.Number, number);
        Assert.Contains("NoPermission", reason, StringComparison.Ordinal);
        Assert.Equal(second.MessageId, Assert.Single((await parked.ListAsync()).Messages).MessageId);
    }

    [Theory]
    [InlineData(false, true)]
    [InlineData(false, false)]
    [InlineData(true, true)]
    public async Task Looking_at_one_or_sending_it_again_leaves_the_brokers_reset_to_the_queue_it_is_meant_for(bool resend, bool mayReset)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        Refuse(rocketmq);
        await SendAsync(rocketmq);
        await using var cluster = await ConsumeAsync(rocketmq, Mode.Concurrent, _ => false);
        await rocketmq.UntilCommittedAsync(3);
        var parked = ParkedOf(cluster, rocketmq);
        var number = (await parked.ListAsync()).Messages[0].Number;
        var management = cluster.Silos.Client.GetGrain<IConsumerGroupManagementGrain>(rocketmq.MyGroup);
        await management.PauseAsync(ConsumerScope.Everything);
        await Eventually.TrueAsync(() => rocketmq.Broker.HeldPulls == 0, "no pull waits that would take the reset");
        await rocketmq.ResetAsync();
        if (!mayReset)
        {
            rocketmq.Faults.Inject(Fault.Answer(ResponseCodes.NoPermission) with { RequestCode = RequestCodes.InvokeBrokerToResetOffset });
        }

        if (resend)
        {
            Assert.Equal(1, (await parked.ResendAsync(number, "a test")).Sent);
        }
        else
        {
            Assert.Equal("0", TestRocketMQ.Text((await parked.PeekAsync(number))!));
        }

        await management.ResumeAsync(ConsumerScope.Everything);
        await Eventually.TrueAsync(
            () => rocketmq.Recorder.Bodies.Count(body => body == "1") == 2 && rocketmq.Recorder.Bodies.Count(body => body == "2") == 2,
            () => $"the queue begins again; these came: {string.Join(" ", rocketmq.Recorder.Bodies)}");
    }

    [Fact]
    public async Task Parked_messages_are_listed_in_pages_and_dropped_one_by_one_or_all()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        Refuse(rocketmq);
        await rocketmq.SendAsync(5, prepare: message => message.Keys = "bad");
        await using var cluster = await ConsumeAsync(rocketmq, Mode.Concurrent, _ => false);
        await rocketmq.UntilCommittedAsync(5);
        var parked = ParkedOf(cluster, rocketmq);

        var first = await parked.ListAsync(limit: 3);
        var rest = await parked.ListAsync(first.Next!.Value, limit: 3);

        Assert.Equal((3, 2, 5), (first.Messages.Count, rest.Messages.Count, first.Total));
        Assert.Null(rest.Next);
        Assert.Equal(5, first.Messages.Concat(rest.Messages).Select(message => message.Offset).Distinct().Count());
        await Assert.ThrowsAsync<RocketMQValidationException>(() => parked.ListAsync(limit: 0));
        Assert.Equal(1, await parked.DropAsync(first.Messages[1].Number, "a test"));
        Assert.Equal(0, await parked.DropAsync(first.Messages[1].Number, "a test"));
        Assert.Null(await parked.PeekAsync(first.Messages[1].Number));
        Assert.Equal(4, await parked.DropAsync(null, "a test"));
        Assert.Equal(0, (await parked.ListAsync()).Total);
    }

    [Fact]
    public async Task While_parking_cannot_be_stored_the_message_stays_and_is_parked_once_the_storage_is_well()
    {
        var storage = new KeptStorage { UnansweredWrites = "parked" };
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        Refuse(rocketmq);
        await SendAsync(rocketmq);
        ScriptedListener.Script(rocketmq.MyGroup, rocketmq.Recorder.Then((messages, _) => messages[0].Keys == "bad" ? ConsumeResult.ReconsumeLater : ConsumeResult.Success));
        await using var cluster = await TestCluster.StartAsync(rocketmq.Embedded.NameServerAddress, builder =>
        {
            DeclaredListeners.HideIn(builder.Services);
            builder.Services.AddKeyedSingleton<IGrainStorage>(StateStorage.ProviderName, storage);
            builder.AddConsumer<ScriptedListener>(rocketmq.MyGroup, consumer => consumer.Subscribe(TestRocketMQ.Topic).Configure(Quick));
        });
        await rocketmq.UntilAllCameAsync(3);
        await Eventually.TrueAsync(() => storage.Writes > 0, "an attempt to park it");
        Assert.Equal(0, rocketmq.Committed());

        storage.UnansweredWrites = null;
        await rocketmq.UntilCommittedAsync(3);

        Assert.Equal(1, (await ParkedOf(cluster, rocketmq).ListAsync()).Total);
        Assert.Single(storage.All<Parking.ParkedMessageState>().Values.Single().Messages);
    }

    [Fact]
    public async Task A_message_of_a_broker_that_is_only_busy_is_never_parked()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        rocketmq.Faults.Inject(Fault.Answer(ResponseCodes.SystemBusy) with { RequestCode = RequestCodes.ConsumerSendMessageBack });
        rocketmq.Faults.Inject(Fault.Answer(ResponseCodes.MessageIllegal) with { When = target => target.Request["b"] == rocketmq.RetryTopic });
        await SendAsync(rocketmq);
        await using var cluster = await ConsumeAsync(rocketmq, Mode.InOrder, _ => false);

        await Eventually.TrueAsync(() => rocketmq.Faults.RequestsSeen(RequestCodes.ConsumerSendMessageBack) > 10, "it is tried again and again");

        Assert.Equal(0, rocketmq.Committed());
        Assert.Equal(0, (await ParkedOf(cluster, rocketmq).ListAsync()).Total);
        rocketmq.Faults.Clear();
        await rocketmq.UntilCommittedAsync(3);
    }

    [Fact]
    public void Only_an_answer_that_is_about_the_message_speaks_against_it()
    {
        Assert.True(RefusedMessages.IsAboutTheMessage(new BrokerResponseException(RequestCodes.SendMessageV2, ResponseCodes.MessageIllegal, "too long", "b:1")));
        Assert.True(RefusedMessages.IsAboutTheMessage(new BrokerResponseException(RequestCodes.ConsumerSendMessageBack, ResponseCodes.SystemError, "gone", "b:1")));
        Assert.False(RefusedMessages.IsAboutTheMessage(new BrokerResponseException(RequestCodes.SendMessageV2, ResponseCodes.ServiceNotAvailable, "disk full", "b:1")));
        Assert.False(RefusedMessages.IsAboutTheMessage(new BrokerNotAvailableException("no master")));
        Assert.False(RefusedMessages.IsAboutTheMessage(new RocketMQTimeoutException("no answer")));
        Assert.False(RefusedMessages.IsAboutTheMessage(new OperationCanceledException()));
    }

    // How 5.3.3 answers a send-back, and a copy, that its store cannot take just now: with the code of a message that is gone.
    [Theory]
    [InlineData("SERVICE_NOT_AVAILABLE")]
    [InlineData("OS_PAGE_CACHE_BUSY")]
    [InlineData("CREATE_MAPPED_FILE_FAILED")]
    [InlineData("create mapped file failed, server is busy or broken.")]
    [InlineData("in-sync replicas not enough")]
    [InlineData("no master available along with 10.0.0.1")]
    public void A_broker_that_speaks_of_its_own_trouble_says_nothing_about_the_message(string remark)
        => Assert.False(RefusedMessages.IsAboutTheMessage(new BrokerResponseException(RequestCodes.ConsumerSendMessageBack, ResponseCodes.SystemError, remark, "b:1")));

    [Fact]
    public void A_message_is_given_up_after_so_many_refusals_and_so_much_time_and_not_before_both()
    {
        var time = new FakeTimeProvider();
        var refused = new RefusedMessages(3, TimeSpan.FromSeconds(30), time);
        var queue = new MessageQueue("t", "b", 0);

        Assert.False(refused.Count(queue, 7));
        Assert.False(refused.Count(queue, 7));
        Assert.False(refused.Count(queue, 7));
        time.Advance(TimeSpan.FromSeconds(30));
        Assert.True(refused.Count(queue, 7));
        Assert.False(refused.Count(queue, 8));
        refused.Forget(queue, 7);
        Assert.False(refused.Count(queue, 7));
    }

    private static IParkedMessageGrain ParkedOf(TestCluster cluster, TestRocketMQ rocketmq) => cluster.Silos.Client.GetGrain<IParkedMessageGrain>(rocketmq.MyGroup);

    private static Task SendAsync(TestRocketMQ rocketmq) => rocketmq.SendAsync(3, prepare: message =>
    {
        message.ShardingKey = "k";
        if (Encoding.UTF8.GetString(message.Body.Span) == "0")
        {
            message.Keys = "bad";
        }
    });

    /// <summary>As a real broker does with a message it will never take: neither the request nor any copy.</summary>
    private static void Refuse(TestRocketMQ rocketmq)
    {
        rocketmq.Faults.Inject(Fault.Answer(ResponseCodes.SystemError) with { RequestCode = RequestCodes.ConsumerSendMessageBack });
        rocketmq.Faults.Inject(Fault.Answer(ResponseCodes.MessageIllegal) with { When = target => target.Request["b"] == rocketmq.RetryTopic });
    }

    private static void Quick(ConsumerOptions options)
    {
        options.MaxReconsumeTimes = 1;
        options.PullSuspendTimeout = TimeSpan.FromMilliseconds(200);
        options.ParkAfter = TimeSpan.Zero;
        options.RetryInterval = TimeSpan.FromMilliseconds(20);
        options.PersistInterval = TimeSpan.FromMilliseconds(20);
        options.SuspendCurrentQueueTime = TimeSpan.FromMilliseconds(20);
        options.KeyRetryBackoff = options.MaxKeyRetryBackoff = TimeSpan.FromMilliseconds(20);
        options.ConsumeFromWhere = ConsumeFromWhere.FirstOffset;
    }

    private static Task<TestCluster> ConsumeAsync(TestRocketMQ rocketmq, Mode mode, Func<MessageExt, bool> isWell)
    {
        bool Succeeds(MessageExt message) => message.Keys != "bad" || isWell(message);
        return mode switch
        {
            Mode.Concurrent => rocketmq.ConsumeAsync(
                rocketmq.Recorder.Then((messages, _) => Succeeds(messages[0]) ? ConsumeResult.Success : ConsumeResult.ReconsumeLater), Quick),
            Mode.InOrder => rocketmq.ConsumeInOrderAsync(
                new OrderlyRecorder().Then((messages, _) => Succeeds(messages[0]) ? ConsumeOrderlyResult.Success : ConsumeOrderlyResult.SuspendCurrentQueue), Quick),
            _ => KeyOrderedTests.ConsumeAsync(
                rocketmq, (_, messages, _, _) => ValueTask.FromResult(Succeeds(messages[0]) ? ConsumeResult.Success : ConsumeResult.ReconsumeLater), Quick),
        };
    }
}
