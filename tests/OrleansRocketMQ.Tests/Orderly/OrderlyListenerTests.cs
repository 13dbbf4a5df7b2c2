using System.Collections.Concurrent;
using Microsoft.Extensions.DependencyInjection;
using Orleans;
using Orleans.Concurrency;
using Orleans.Placement;
using Orleans.Runtime;
using Orleans.Storage;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Engine.Dispatch.Orderly;
using OrleansRocketMQ.Engine.Window;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Queues;
using OrleansRocketMQ.Storage;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Orderly;

/// <summary>Where the listener grains of orderly groups live, and what their calls bring.</summary>
public sealed class OrderlyListenerTests
{
    private readonly OrderlyRecorder _recorder = new();

    [Fact]
    public async Task The_time_of_a_listener_that_fails_counts_too()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.SendAsync(1);
        await using var cluster = await rocketmq.ConsumeInOrderAsync(async (messages, context, cancellationToken) =>
        {
            await Task.Delay(20, cancellationToken);
            _recorder.Record(messages, context, ConsumeOrderlyResult.SuspendCurrentQueue);
            return ConsumeOrderlyResult.SuspendCurrentQueue;
        });
        await _recorder.UntilAsync(3);

        await Eventually.TrueAsync(() => rocketmq.QueuesOf(cluster)[0].Figures.Failed >= 2, "two failures are counted");
        Assert.InRange(rocketmq.QueuesOf(cluster)[0].Figures.AverageListenerTime, TimeSpan.FromMilliseconds(10), TimeSpan.MaxValue);
    }

    [Fact]
    public async Task Each_queue_has_a_grain_of_its_own_that_follows_it_to_another_silo()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 4);
        await using var cluster = await StartAsync<NearListener>(rocketmq, _recorder.Succeed());
        await rocketmq.SendAsync(40);
        await rocketmq.UntilCommittedAsync(40);
        Assert.Equal(
            rocketmq.QueuesOf(cluster).Select(queue => QueueGrainKey.Of(rocketmq.MyGroup, queue.Queue)).Order(),
            Places.Of(rocketmq.MyGroup).Keys.Order());

        await cluster.Silos.StartAdditionalSiloAsync();
        await Eventually.TrueAsync(
            () => cluster.StatusOf(rocketmq.MyGroup).Select(status => status.Queues.Count(queue => queue.Queue.Topic == TestRocketMQ.Topic && queue.NextPullOffset >= 0)).SequenceEqual([2, 2]),
            "two queues for each silo");

        var sent = 40;
        await Eventually.TrueAsync(
            async () =>
            {
                await rocketmq.SendAsync(4, first: sent);
                await rocketmq.UntilCommittedAsync(sent += 4);
                return await AllAreNearAsync(rocketmq, cluster);
            },
            "all listeners live beside their queues");
        Assert.Equal(2, Places.Of(rocketmq.MyGroup).Values.Distinct().Count());
    }

    [Fact]
    public async Task Listeners_on_other_silos_get_everything_in_order_and_their_answers_come_back()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 4);
        await using var cluster = await StartAsync<FarListener>(
            rocketmq,
            _recorder.Then((messages, context) =>
            {
                context.SuspendCurrentQueueTime = TimeSpan.FromMilliseconds(20);
                return (messages[0].QueueOffset % 10, context.ReconsumeTimes) switch
                {
                    (3, < 2) => ConsumeOrderlyResult.SuspendCurrentQueue,
                    (5, 0) => throw new InvalidOperationException("broken"),
                    _ => ConsumeOrderlyResult.Success,
                };
            }),
            silos: 3,
            options => options.SuspendCurrentQueueTime = TimeSpan.FromSeconds(30));

        await rocketmq.SendAsync(100);
        await rocketmq.UntilCommittedAsync(100);

        Assert.All(
            _recorder.Deliveries.GroupBy(delivery => delivery.Queue),
            queue => Assert.Equal(
                Enumerable.Range(0, 25).Select(offset => (long)offset),
                queue.Where(delivery => delivery.Result == ConsumeOrderlyResult.Success).Select(delivery => delivery.Message.QueueOffset)));
        Assert.All(
            _recorder.Deliveries.Where(delivery => delivery.Message.QueueOffset % 10 == 3).GroupBy(delivery => (delivery.Queue, delivery.Message.QueueOffset)),
            message => Assert.Equal([0, 1, 2], message.Select(delivery => delivery.ReconsumeTimes)));
        Assert.All(Places.Of(rocketmq.MyGroup), place => Assert.NotEqual(place.Value, place.Key));
    }

    [Fact]
    public async Task A_reset_of_the_offset_gets_a_queue_over_a_message_it_stands_still_on()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.SendAsync(5);
        await using var cluster = await rocketmq.ConsumeInOrderAsync(
            _recorder.Then((messages, _) => messages[0].QueueOffset == 2 ? ConsumeOrderlyResult.SuspendCurrentQueue : ConsumeOrderlyResult.Success),
            options => options.MaxReconsumeTimes = int.MaxValue);
        await Eventually.TrueAsync(() => _recorder.Bodies.Count(body => body == "2") > 2, "the queue stands still");

        await rocketmq.Client.Brokers.InvokeAsync(rocketmq.Broker.Address, RemotingCommand.Request(RequestCodes.InvokeBrokerToResetOffset)
            .Set("topic", TestRocketMQ.Topic).Set("group", rocketmq.MyGroup).Set("timestamp", 0).Set("isForce", true).Set("queueId", 0).Set("offset", 4));
        await rocketmq.SendAsync(1, first: 5);
        await rocketmq.UntilCommittedAsync(6);

        Assert.Equal(["0", "1", "4", "5"], _recorder.Succeeded);
    }

    [Fact]
    public async Task A_message_that_cannot_be_read_goes_to_the_dead_letters_without_a_call_of_the_listener()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.SendAsync(1);
        await rocketmq.Client.Brokers.SendAsync(rocketmq.Broker.Address, new Clients.SendMessageRequest
        {
            ProducerGroup = "p",
            Topic = TestRocketMQ.Topic,
            BrokerName = rocketmq.Broker.Name,
            QueueId = 0,
            Body = "no zlib at all"u8.ToArray(),
            BornTimestamp = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(),
            SysFlag = MessageSysFlag.Compressed | ((int)CompressionType.Zlib << 8),
        });
        await rocketmq.SendAsync(1, first: 2);
        await using var cluster = await rocketmq.ConsumeInOrderAsync(_recorder.Succeed(), options => options.MaxReconsumeTimes = 2);

        await rocketmq.UntilCommittedAsync(3);

        Assert.Equal(["0", "2"], _recorder.Bodies);
        await Eventually.TrueAsync(() => rocketmq.Broker.Messages(SystemTopics.DeadLetter(rocketmq.MyGroup)).Count == 1, "a dead letter");
        Assert.Equal(3, cluster.StatusOf(rocketmq.MyGroup).Sum(status => status.Failed));
        Assert.Equal(1, cluster.StatusOf(rocketmq.MyGroup).Sum(status => status.SentBack));
    }

    [Fact]
    public async Task A_dead_letter_the_broker_does_not_take_stays_where_it_is()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.SendAsync(2);
        using var refusing = rocketmq.Faults.Inject(Fault.Answer(ResponseCodes.SystemError) with
        {
            Servers = FaultServers.Brokers,
            When = target => target.Request.Code is RequestCodes.SendMessage or RequestCodes.SendMessageV2 or RequestCodes.ConsumerSendMessageBack,
        });
        await using var cluster = await rocketmq.ConsumeInOrderAsync(
            _recorder.Then((messages, _) => messages[0].QueueOffset == 0 ? ConsumeOrderlyResult.SuspendCurrentQueue : ConsumeOrderlyResult.Success),
            options => options.MaxReconsumeTimes = 1);

        await _recorder.UntilAsync(4);
        Assert.All(_recorder.Bodies, body => Assert.Equal("0", body));
        Assert.Equal(0, rocketmq.Committed());
        refusing.Dispose();
        await rocketmq.UntilCommittedAsync(2);

        Assert.Equal("0", TestRocketMQ.Text(Assert.Single(rocketmq.Broker.Messages(SystemTopics.DeadLetter(rocketmq.MyGroup)))));
        Assert.Equal(["1"], _recorder.Succeeded);
    }

    [Fact]
    public void What_is_left_of_a_batch_is_put_together_in_order()
    {
        var window = new ProcessQueue(0);
        window.Add([.. Enumerable.Range(0, 10).Select(offset => TestMessages.At(offset))], 10);
        window.Lease(2);
        var batch = window.Lease(8);
        var singles = RangeSplitter.Singles(batch);

        Assert.Equal([8], Sizes(RangeSplitter.Join(batch, singles)));
        Assert.Equal([1, 3, 1], Sizes(RangeSplitter.Join(batch, [singles[0], singles[2], singles[3], singles[4], singles[7]])));
        Assert.Equal(
            [2L, 4, 5, 6, 9],
            RangeSplitter.Join(batch, [singles[0], singles[2], singles[3], singles[4], singles[7]]).SelectMany(piece => piece.Messages).Select(message => message.QueueOffset));
        Assert.Empty(RangeSplitter.Join(batch, []));

        static IEnumerable<int> Sizes(IEnumerable<ProcessQueueRange> pieces) => pieces.Select(piece => piece.Messages.Count);
    }

    [Fact]
    public void A_stateless_worker_is_refused()
    {
        var error = Assert.Throws<RocketMQConfigurationException>(() => BuiltSilo.With(builder => builder.AddConsumer<SharedListener>("g", consumer => consumer.Subscribe("t"))));

        Assert.Equal("RocketMQ:Consumers:g:Listener", error.Field);
        Assert.Contains("without [StatelessWorker]", error.Expected, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, false)]
    public void The_storage_of_our_name_is_taken_then_the_default_one_then_memory(bool hasDefault, bool hasOurs)
    {
        var ours = new KeptStorage();
        var theirs = new KeptStorage();
        using var host = BuiltSilo.Build(builder =>
        {
            if (hasDefault)
            {
                builder.Services.AddKeyedSingleton<IGrainStorage>("Default", theirs);
            }

            if (hasOurs)
            {
                builder.Services.AddKeyedSingleton<IGrainStorage>("RocketMQ", ours);
            }
        });

        var found = StateStorage.Find(host.Services);

        Assert.Equal(hasOurs, ReferenceEquals(found, ours));
        Assert.Equal(hasDefault && !hasOurs, ReferenceEquals(found, theirs));
    }

    private static async Task<bool> AllAreNearAsync(TestRocketMQ rocketmq, TestCluster cluster)
    {
        var group = await cluster.Silos.Client.GetGrain<IConsumerGroupManagementGrain>(rocketmq.MyGroup).GetStatusAsync();
        return group.Queues.Where(queue => queue.Queue.Topic == TestRocketMQ.Topic)
            .All(queue => Places.Of(rocketmq.MyGroup)[QueueGrainKey.Of(rocketmq.MyGroup, queue.Queue)] == queue.Silo);
    }

    private static async Task<TestCluster> StartAsync<TListener>(TestRocketMQ rocketmq, OrderlyScript script, short silos = 1, Action<ConsumerOptions>? configure = null)
        where TListener : IOrderlyListener
    {
        Places.Scripts[rocketmq.MyGroup] = script;
        var cluster = await TestCluster.StartAsync(
            rocketmq.Embedded.NameServerAddress,
            builder =>
            {
                DeclaredListeners.HideIn(builder.Services);
                builder.AddConsumer<TListener>(rocketmq.MyGroup, consumer => consumer.Subscribe(TestRocketMQ.Topic).Configure(options =>
                {
                    options.ConsumeFromWhere = ConsumeFromWhere.FirstOffset;
                    options.PersistInterval = TimeSpan.FromMilliseconds(20);
                    configure?.Invoke(options);
                }));
            },
            silos);
        await cluster.UntilReadyAsync(rocketmq.MyGroup);
        return cluster;
    }
}

/// <summary>Where listener grains last were called, by group and key.</summary>
internal static class Places
{
    private static readonly ConcurrentDictionary<string, ConcurrentDictionary<string, string>> s_byGroup = new();

    public static ConcurrentDictionary<string, OrderlyScript> Scripts { get; } = new();

    public static ConcurrentDictionary<string, string> Of(string group) => s_byGroup.GetOrAdd(group, _ => new());
}

[PreferLocalPlacement]
internal sealed class NearListener(IGrainContext context, ILocalSiloDetails silo) : Grain, IOrderlyListener
{
    public ValueTask<ConsumeOrderlyResult> ConsumeAsync(MessageBatch messages, ConsumeOrderlyContext consume, CancellationToken cancellationToken)
    {
        Places.Of(consume.Group)[context.GrainId.Key.ToString()!] = silo.SiloAddress.ToParsableString();
        return Places.Scripts[consume.Group](messages, consume, cancellationToken);
    }
}

[RandomPlacement]
internal sealed class FarListener(IGrainContext context, ILocalSiloDetails silo) : Grain, IOrderlyListener
{
    public ValueTask<ConsumeOrderlyResult> ConsumeAsync(MessageBatch messages, ConsumeOrderlyContext consume, CancellationToken cancellationToken)
    {
        Places.Of(consume.Group)[context.GrainId.Key.ToString()!] = silo.SiloAddress.ToParsableString();
        return Places.Scripts[consume.Group](messages, consume, cancellationToken);
    }
}

/// <summary>What an orderly listener must not be.</summary>
[StatelessWorker]
internal sealed class SharedListener : Grain, IOrderlyListener
{
    public ValueTask<ConsumeOrderlyResult> ConsumeAsync(MessageBatch messages, ConsumeOrderlyContext context, CancellationToken cancellationToken)
        => ValueTask.FromResult(ConsumeOrderlyResult.Success);
}
