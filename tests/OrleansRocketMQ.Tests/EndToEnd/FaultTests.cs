using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Testing;

namespace OrleansRocketMQ.Tests.EndToEnd;

/// <summary>Whatever goes wrong between silo and broker: nothing is lost, and no offset passes what was not delivered.</summary>
public sealed class FaultTests
{
    private const int Count = 60;
    private readonly Recorder _recorder = new();

    public static TheoryData<string> PullFaults => ["closes the connection", "cuts the answer off", "is busy", "controls the flow", "has forgotten the subscription", "does not know the group"];

    [Theory]
    [MemberData(nameof(PullFaults))]
    public async Task A_broker_that_fails_on_pulls_for_a_while_costs_no_message(string what)
    {
        await using var rocketmq = await EmbeddedCluster.StartAsync();
        await using var cluster = await ConsumeAsync(rocketmq);
        var fault = what switch
        {
            "closes the connection" => Fault.CloseConnection(),
            "cuts the answer off" => Fault.TruncateAnswer(),
            "is busy" => Fault.Answer(ResponseCodes.SystemBusy),
            "controls the flow" => Fault.Answer(ResponseCodes.FlowControl),
            "has forgotten the subscription" => Fault.Answer(ResponseCodes.SubscriptionNotLatest),
            _ => Fault.Answer(ResponseCodes.SubscriptionNotExist),
        };
        using var _ = rocketmq.RocketMQ.Faults.Inject(fault with { RequestCode = RequestCodes.PullMessage, Times = 6 });

        await rocketmq.SendAsync(Count);

        await UntilAllOnceAsync(rocketmq);
    }

    [Fact]
    public async Task Nothing_is_dispatched_before_the_offset_is_known()
    {
        await using var rocketmq = await EmbeddedCluster.StartAsync();
        await rocketmq.SendAsync(Count);
        var fault = rocketmq.RocketMQ.Faults.Inject(Fault.Answer(ResponseCodes.SystemError) with { RequestCode = RequestCodes.QueryConsumerOffset });
        ScriptedListener.Script(rocketmq.Group, _recorder.Succeed());
        await using var cluster = await TestCluster.StartAsync(rocketmq.NameServer, Subscribe(rocketmq));
        await Eventually.TrueAsync(() => rocketmq.RocketMQ.Faults.RequestsSeen(RequestCodes.QueryConsumerOffset) > 6, "offsets are asked for again and again");

        Assert.Equal(0, _recorder.Count);
        Assert.Equal(0, rocketmq.RocketMQ.Faults.RequestsSeen(RequestCodes.PullMessage));
        fault.Dispose();

        await UntilAllOnceAsync(rocketmq);
    }

    [Fact]
    public async Task A_failed_message_that_is_not_taken_back_goes_to_the_retry_topic_as_a_copy()
    {
        await using var rocketmq = await EmbeddedCluster.StartAsync();
        using var _ = rocketmq.RocketMQ.Faults.Inject(Fault.Answer(ResponseCodes.SystemError) with { RequestCode = RequestCodes.ConsumerSendMessageBack });
        await using var cluster = await ConsumeAsync(rocketmq, failFirst: true);

        await rocketmq.SendAsync(1);
        await _recorder.UntilAsync(2);

        Assert.Equal([0, 1], _recorder.Deliveries.Select(delivery => delivery.Message.ReconsumeTimes));
        Assert.All(_recorder.Deliveries, delivery => Assert.Equal(EmbeddedCluster.Topic, delivery.Message.Topic));
        Assert.NotNull(_recorder.Deliveries[1].Message.OriginMessageId);
        await rocketmq.UntilCommittedAsync(1);
    }

    [Fact]
    public async Task A_failed_message_the_broker_will_not_have_at_all_stays_and_its_offset_is_not_passed()
    {
        await using var rocketmq = await EmbeddedCluster.StartAsync(queues: 1);
        var noSendBack = rocketmq.RocketMQ.Faults.Inject(Fault.Answer(ResponseCodes.SystemError) with { RequestCode = RequestCodes.ConsumerSendMessageBack });
        var noSend = rocketmq.RocketMQ.Faults.Inject(Fault.Answer(ResponseCodes.SystemError) with
        {
            When = target => target.Request.Code == RequestCodes.SendMessageV2 && target.Request["b"] == SystemTopics.Retry(rocketmq.Group),
        });
        var attempts = 0;
        await using var cluster = await TestCluster.ConsumeAsync(
            rocketmq.NameServer,
            rocketmq.Group,
            EmbeddedCluster.Topic,
            _recorder.Then((messages, _) => messages[0].QueueOffset == 3 && Interlocked.Increment(ref attempts) == 1 ? ConsumeResult.ReconsumeLater : ConsumeResult.Success),
            Quickly);

        await rocketmq.SendAsync(10);
        await Eventually.TrueAsync(() => rocketmq.Committed() == 3, "everything below the failed message is committed");
        await _recorder.UntilAsync(11);

        Assert.Equal(2, _recorder.Deliveries.Count(delivery => delivery.Message.QueueOffset == 3));
        Assert.Equal(10, _recorder.Deliveries.DistinctBy(delivery => delivery.Message.QueueOffset).Count());
        await rocketmq.UntilCommittedAsync(10);
        noSendBack.Dispose();
        noSend.Dispose();
    }

    [Fact]
    public async Task A_restarted_broker_is_found_again_and_no_message_is_lost_or_doubled()
    {
        await using var rocketmq = await EmbeddedCluster.StartAsync();
        await using var cluster = await ConsumeAsync(rocketmq);
        await rocketmq.SendAsync(Count / 2);
        await _recorder.UntilAsync(Count / 2);
        await rocketmq.UntilCommittedAsync(Count / 2);

        await rocketmq.Broker.RestartAsync(unregister: false);
        await rocketmq.SendAsync(Count / 2);

        await _recorder.UntilAsync(Count);
        await rocketmq.UntilCommittedAsync(Count);
        Assert.Equal(Count, _recorder.Count);
    }

    [Fact]
    public async Task A_name_server_that_is_away_at_the_start_does_not_hinder_the_silo()
    {
        await using var rocketmq = await EmbeddedCluster.StartAsync();
        await rocketmq.SendAsync(Count);
        await rocketmq.RocketMQ.NameServer.StopAsync();
        ScriptedListener.Script(rocketmq.Group, _recorder.Succeed());
        await using var cluster = await TestCluster.StartAsync(rocketmq.NameServer, Subscribe(rocketmq));
        Assert.False(cluster.StatusOf(rocketmq.Group)[0].IsReady);

        rocketmq.RocketMQ.NameServer.Start();

        await UntilAllOnceAsync(rocketmq);
    }

    [Fact]
    public async Task All_connections_cut_at_once_heal()
    {
        await using var rocketmq = await EmbeddedCluster.StartAsync();
        await using var cluster = await ConsumeAsync(rocketmq);
        await rocketmq.SendAsync(Count / 2);
        await _recorder.UntilAsync(Count / 2);

        rocketmq.Broker.CloseConnections();
        rocketmq.RocketMQ.NameServer.CloseConnections();
        await rocketmq.SendAsync(Count / 2);

        await _recorder.UntilAsync(Count);
        await rocketmq.UntilCommittedAsync(Count);
    }

    [Fact]
    public async Task A_broker_that_does_not_take_offsets_gets_them_later()
    {
        await using var rocketmq = await EmbeddedCluster.StartAsync();
        using var _ = rocketmq.RocketMQ.Faults.Inject(Fault.Answer(ResponseCodes.SystemError) with { RequestCode = RequestCodes.UpdateConsumerOffset, Times = 4 });
        await using var cluster = await ConsumeAsync(rocketmq);

        await rocketmq.SendAsync(Count);

        await UntilAllOnceAsync(rocketmq);
    }

    private Task<TestCluster> ConsumeAsync(EmbeddedCluster rocketmq, bool failFirst = false) => TestCluster.ConsumeAsync(
        rocketmq.NameServer,
        rocketmq.Group,
        EmbeddedCluster.Topic,
        _recorder.Then((messages, _) => failFirst && messages[0].ReconsumeTimes == 0 ? ConsumeResult.ReconsumeLater : ConsumeResult.Success),
        Quickly);

    private static void Quickly(ConsumerBuilder consumer) => consumer.Configure(options =>
    {
        options.RetryInterval = TimeSpan.FromMilliseconds(20);
        options.PersistInterval = TimeSpan.FromMilliseconds(50);
        options.ConsumeFromWhere = OrleansRocketMQ.Configuration.ConsumeFromWhere.FirstOffset;
    });

    private static Action<RocketMQBuilder> Subscribe(EmbeddedCluster rocketmq) => builder => builder.AddConsumer<ScriptedListener>(
        rocketmq.Group, consumer => Quickly(consumer.Subscribe(EmbeddedCluster.Topic)));

    private async Task UntilAllOnceAsync(EmbeddedCluster rocketmq)
    {
        await _recorder.UntilAsync(Count);
        await rocketmq.UntilCommittedAsync(Count);
        Assert.Equal(Count, _recorder.Count);
        Assert.Equal(Count, _recorder.Deliveries.DistinctBy(delivery => (delivery.Queue, delivery.Message.QueueOffset)).Count());
    }
}
