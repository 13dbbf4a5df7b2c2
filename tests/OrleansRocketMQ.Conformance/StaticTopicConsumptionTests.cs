using System.Globalization;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Testing;

namespace OrleansRocketMQ.Conformance;

/// <summary>Groups consume static topics while their queues move from broker to broker: nothing is lost, doubled or out of order.</summary>
[Collection(TwoBrokerCollection.Name)]
public sealed class StaticTopicConsumptionTests(TwoBrokerCluster rocketmq)
{
    private readonly string _group = RocketMQCluster.NewName("group");
    private readonly Recorder _recorder = new();

    [Fact]
    public async Task Messages_of_all_pieces_come_once_while_queues_move()
    {
        var topic = await CreateAsync(queues: 4);
        await using var cluster = await ConsumeAsync(topic, _recorder.Succeed(), silos: 2);
        await SendAsync(topic, 0, 20);
        for (var move = 1; move <= 3; move++)
        {
            var sending = SendAsync(topic, move * 20, 20);
            await topic.MoveAsync();
            await sending;
        }

        await _recorder.UntilAsync(80);
        await UntilCommittedAsync(topic);

        Assert.Equal(Texts(0, 80), _recorder.Bodies.Order(StringComparer.Ordinal));
        Assert.All(_recorder.Deliveries, delivery => Assert.Equal(
            delivery.Queue, new MessageQueue(delivery.Message.Topic, delivery.Message.BrokerName, delivery.Message.QueueId)));
    }

    [Fact]
    public async Task A_pull_that_waits_at_the_old_leader_is_given_up_once_the_route_tells_of_the_new_one()
    {
        var topic = await CreateAsync(queues: 1);

        // Where there is one broker only the queue moves within it, which no route tells of: the pull ends by itself.
        var suspend = (await rocketmq.MastersAsync()).Count > 1 ? TimeSpan.FromMinutes(4) : TimeSpan.FromSeconds(10);
        await using var cluster = await ConsumeAsync(topic, _recorder.Succeed(), configure: options => options.PullSuspendTimeout = suspend);
        await SendAsync(topic, 0, 1);
        await _recorder.UntilAsync(1);
        await UntilCommittedAsync(topic);
        await topic.MoveAsync();

        await SendAsync(topic, 1, 1);

        await _recorder.UntilAsync(2);
        Assert.Equal(Texts(0, 2), _recorder.Bodies.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_group_that_was_away_goes_on_where_it_was_before_the_move()
    {
        var topic = await CreateAsync(queues: 2);
        await using (await ConsumeAsync(topic, _recorder.Succeed()))
        {
            await SendAsync(topic, 0, 10);
            await _recorder.UntilAsync(10);
        }

        await SendAsync(topic, 10, 10);
        await topic.MoveAsync();
        await SendAsync(topic, 20, 10);
        await using var cluster = await ConsumeAsync(topic, _recorder.Succeed());
        await _recorder.UntilAsync(30);
        await UntilCommittedAsync(topic);

        Assert.Equal(Texts(0, 30), _recorder.Bodies.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Each_queue_is_consumed_in_order_through_its_moves_and_stays_locked()
    {
        var topic = await CreateAsync(queues: 3);
        var recorder = new OrderlyRecorder();
        await using var cluster = await OrderlyCluster.ConsumeAsync(
            rocketmq.NameServer,
            _group,
            topic.Name,
            recorder.Then((messages, context) => messages[0].QueueOffset % 5 == 2 && context.ReconsumeTimes == 0
                ? ConsumeOrderlyResult.SuspendCurrentQueue
                : ConsumeOrderlyResult.Success));
        await SendAsync(topic, 0, 30);
        for (var move = 1; move <= 2; move++)
        {
            var sending = SendAsync(topic, move * 30, 30);
            await topic.MoveAsync();
            await sending;
        }

        await recorder.UntilSucceededAsync(90);

        Assert.Equal(Texts(0, 90), recorder.Succeeded.Order(StringComparer.Ordinal));
        foreach (var queue in recorder.Deliveries.Where(delivery => delivery.Result == ConsumeOrderlyResult.Success).GroupBy(delivery => delivery.Queue))
        {
            Assert.Equal(queue.Select(delivery => delivery.Message.QueueOffset).Order(), queue.Select(delivery => delivery.Message.QueueOffset));
            Assert.Equal(queue.Select(delivery => delivery.Body).Order(StringComparer.Ordinal), queue.Select(delivery => delivery.Body));
        }

        foreach (var queue in topic.Queues)
        {
            // Also at the broker that leads it now.
            await Eventually.TrueAsync(
                async () =>
                {
                    var taken = await rocketmq.Client.Brokers.LockAsync(rocketmq.MasterOf(queue), _group, "another-member", [queue]);
                    await rocketmq.Client.Brokers.UnlockAsync(rocketmq.MasterOf(queue), _group, "another-member", [queue]);
                    return taken.Count == 0;
                },
                $"{queue} is locked at its present leader");
        }
    }

    [Fact]
    public async Task Each_keys_messages_come_in_order_through_the_moves_of_its_queue()
    {
        var topic = await CreateAsync(queues: 4);
        var history = new KeyHistory();
        var keys = Enumerable.Range(0, 12).Select(number => $"key-{number}").ToArray();
        await using var cluster = await ScriptedKeyedListener.ConsumeAsync(rocketmq.NameServer, _group, topic.Name, history.Script(), silos: 2);
        await KeyHistory.SendAsync(rocketmq.Producer, topic.Name, keys, first: 0, count: 5);
        var sending = KeyHistory.SendAsync(rocketmq.Producer, topic.Name, keys, first: 5, count: 5);
        await topic.MoveAsync();
        await sending;
        await KeyHistory.SendAsync(rocketmq.Producer, topic.Name, keys, first: 10, count: 5);

        await Eventually.TrueAsync(() => history.Succeeded == 180 || history.Violation is not null, () => $"180 successes; there are {history.Succeeded}");
        Assert.Null(history.Violation);
        Assert.Equal(0, history.Repeats);
    }

    [Fact]
    public async Task Each_member_of_a_broadcasting_group_gets_every_message_once()
    {
        var topic = await CreateAsync(queues: 2);
        await using var cluster = await ConsumeAsync(
            topic, _recorder.Succeed(), silos: 2, configure: options => options.MessageModel = MessageModel.Broadcasting);
        await SendAsync(topic, 0, 10);
        await topic.MoveAsync();
        await SendAsync(topic, 10, 10);

        await _recorder.UntilAsync(40);

        Assert.Equal(Texts(0, 20).SelectMany(text => new[] { text, text }), _recorder.Bodies.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task What_fails_comes_again_from_whichever_broker_has_stored_it()
    {
        var topic = await CreateAsync(queues: 1);
        await using var cluster = await ConsumeAsync(topic, _recorder.Then((messages, context) =>
        {
            context.DelayLevelWhenNextConsume = 1;
            return messages[0].ReconsumeTimes == 0 ? ConsumeResult.ReconsumeLater : ConsumeResult.Success;
        }));
        await SendAsync(topic, 0, 4);
        await topic.MoveAsync();
        await SendAsync(topic, 4, 4);

        await _recorder.UntilAsync(16);

        Assert.Equal(Texts(0, 8).SelectMany(text => new[] { text, text }), _recorder.Bodies.Order(StringComparer.Ordinal));
        await Eventually.TrueAsync(() => cluster.StatusOf(_group)[0] is { Failed: 8, SentBack: 8 }, "their brokers have taken them back");
    }

    [Fact]
    public async Task A_seek_finds_its_place_in_the_piece_before()
    {
        var topic = await CreateAsync(queues: 1);
        var queue = topic.Queues[0];
        await using var cluster = await ConsumeAsync(topic, _recorder.Succeed());
        await SendAsync(topic, 0, 10);
        await topic.MoveAsync();
        await SendAsync(topic, 10, 10);
        await _recorder.UntilAsync(20);
        await UntilCommittedAsync(topic);

        var offsets = await Management(cluster).SeekAsync(ConsumerScope.OfQueue(queue), SeekTarget.AtOffset(7));
        Assert.Equal(7, offsets[queue]);
        await _recorder.UntilAsync(33);
        Assert.Equal(Texts(7, 13), _recorder.Bodies.Skip(20).Order(StringComparer.Ordinal));
        Assert.Equal(StaticTopic.BlockSize + 10, (await Management(cluster).SeekAsync(ConsumerScope.OfQueue(queue), SeekTarget.End))[queue]);
        Assert.Equal(0, (await Management(cluster).SeekAsync(ConsumerScope.OfQueue(queue), SeekTarget.Begin))[queue]);
        await _recorder.UntilAsync(53);
        await UntilCommittedAsync(topic);
        Assert.Equal(Texts(0, 20), _recorder.Bodies.Skip(33).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_seek_to_the_piece_before_stands_also_when_nobody_has_read_on_since()
    {
        var topic = await CreateAsync(queues: 1);
        var queue = topic.Queues[0];
        await using var cluster = await ConsumeAsync(topic, _recorder.Succeed());
        await SendAsync(topic, 0, 10);
        await topic.MoveAsync();
        await SendAsync(topic, 10, 10);
        await _recorder.UntilAsync(20);
        await UntilCommittedAsync(topic);
        await Management(cluster).PauseAsync(ConsumerScope.Everything);

        await Management(cluster).SeekAsync(ConsumerScope.OfQueue(queue), SeekTarget.AtOffset(7));

        // Whoever has the queue next asks this.
        Assert.Equal(
            7, await rocketmq.Client.Brokers.QueryConsumerOffsetAsync(rocketmq.MasterOf(queue), _group, queue, setZeroIfNotFound: false));
    }

    private Task<StaticTopic> CreateAsync(int queues) => StaticTopic.CreateAsync(rocketmq.Client, RocketMQCluster.NewName("static"), queues);

    private Task<TestCluster> ConsumeAsync(StaticTopic topic, ListenerScript script, short silos = 1, Action<ConsumerOptions>? configure = null) => TestCluster.ConsumeAsync(
        rocketmq.NameServer,
        _group,
        topic.Name,
        script,
        consumer => consumer.Configure(options =>
        {
            options.PersistInterval = TimeSpan.FromMilliseconds(100);
            configure?.Invoke(options);
        }),
        silos);

    private IConsumerGroupManagementGrain Management(TestCluster cluster) => cluster.Silos.Client.GetGrain<IConsumerGroupManagementGrain>(_group);

    private Task SendAsync(StaticTopic topic, int first, int count) => rocketmq.SendAsync(topic.Name, Texts(first, count));

    private Task UntilCommittedAsync(StaticTopic topic) => Eventually.TrueAsync(
        async () =>
        {
            foreach (var queue in topic.Queues)
            {
                var end = await rocketmq.Client.Brokers.GetMaxOffsetAsync(rocketmq.MasterOf(queue), queue);
                var committed = await rocketmq.Client.Brokers.QueryConsumerOffsetAsync(rocketmq.MasterOf(queue), _group, queue, setZeroIfNotFound: false);
                if (end > 0 && committed < end)
                {
                    return false;
                }
            }

            return true;
        },
        "all is committed");

    private static IEnumerable<string> Texts(int first, int count)
        => Enumerable.Range(first, count).Select(number => number.ToString("000", CultureInfo.InvariantCulture));
}
