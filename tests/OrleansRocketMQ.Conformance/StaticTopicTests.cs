using System.Text;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Testing;

namespace OrleansRocketMQ.Conformance;

/// <summary>Static topics: sends, pulls, offsets, and what becomes of them when logical queues move from broker to broker.</summary>
[Collection(TwoBrokerCollection.Name)]
public sealed class StaticTopicTests(TwoBrokerCluster rocketmq)
{
    private readonly string _group = RocketMQCluster.NewName("group");

    private BrokerClient Brokers => rocketmq.Client.Brokers;

    private RouteTable Routes => rocketmq.Client.Routes;

    [Fact]
    public async Task A_static_topic_has_logical_queues_led_by_different_brokers()
    {
        var topic = await CreateAsync(queues: 4);

        Assert.Equal(Enumerable.Range(0, 4).Select(id => new MessageQueue(topic.Name, "__syslo__global__", id)), topic.Queues);
        var route = Routes.Find(topic.Name)!;
        Assert.Equal(topic.Queues, route.WriteQueues);
        Assert.Equal(topic.Brokers, topic.Queues.Select(route.BrokerOf).Distinct().Order(StringComparer.Ordinal));
        Assert.All(topic.Queues, queue => Assert.Equal(route.BrokerOf(queue), Routes.FindAddressOf(queue)!.Value.BrokerName));

        await topic.GrowAsync(6);
        Assert.Equal(6, topic.Queues.Count);
    }

    [Fact]
    public async Task Messages_lie_where_the_answers_say_and_offsets_only_grow_when_queues_move()
    {
        var topic = await CreateAsync(queues: 2);
        var sent = new List<(MessageQueue Queue, long Offset, string Body)>();
        for (var move = 0; move < 3; move++)
        {
            for (var number = 0; number < 8; number++)
            {
                var body = $"{move}-{number}";
                var result = await SendAsync(topic.Queues[number % 2], body);
                Assert.Equal(topic.Queues[number % 2], result.Queue);
                sent.Add((result.Queue, result.QueueOffset, body));
            }

            await topic.MoveAsync();
        }

        foreach (var queue in topic.Queues)
        {
            var expected = sent.Where(message => message.Queue == queue).ToList();
            Assert.Equal(
                Enumerable.Range(0, 3).SelectMany(move => Enumerable.Range(0, 4).Select(number => (move * StaticTopic.BlockSize) + number)),
                expected.Select(message => message.Offset));
            var read = await ReadAsync(queue, from: 0, count: expected.Count);
            Assert.Equal(expected, read.Select(message => (new MessageQueue(message.Topic, message.BrokerName, message.QueueId), message.QueueOffset, Text(message))));
            var middle = await ReadAsync(queue, from: expected[5].Offset, count: 2);
            Assert.Equal(expected.Skip(5).Take(2).Select(message => message.Body), middle.Take(2).Select(Text));
        }
    }

    [Fact]
    public async Task Whoever_asks_the_broker_that_led_a_queue_is_sent_away_and_finds_the_new_one()
    {
        var topic = await CreateAsync(queues: 1);
        var queue = topic.Queues[0];
        var before = rocketmq.MasterOf(queue);
        await using var other = PatientClients.Start(rocketmq.NameServer, $"127.0.0.1@other#{Environment.ProcessId}");
        await other.Routes.GetAsync(topic.Name);
        await SendAsync(queue, "first");
        await topic.MoveAsync();

        if (topic.Brokers.Count > 1)
        {
            var refused = await Assert.ThrowsAsync<BrokerResponseException>(() => Brokers.GetMaxOffsetAsync(before, queue));
            Assert.Equal(ResponseCodes.NotLeaderForQueue, refused.ResponseCode);
            await Assert.ThrowsAsync<BrokerResponseException>(() => Brokers.QueryConsumerOffsetAsync(before, _group, queue));
            await Assert.ThrowsAsync<BrokerResponseException>(
                () => Brokers.PullAsync(before, new PullRequest(_group, queue, 0) { Expression = MessageSelector.AllTags, SuspendTimeout = TimeSpan.Zero }).AsTask());
        }

        // Its route is still the old one.
        await using var producer = PatientClients.Producer(other, "conformance_other");
        var sent = await producer.SendAsync(new Message(topic.Name, "second"u8.ToArray()), queue);
        Assert.Equal((queue, StaticTopic.BlockSize), (sent.Queue, sent.QueueOffset));
        await UntilEndIsAsync(queue, StaticTopic.BlockSize + 1);
    }

    [Fact]
    public async Task Offsets_committed_before_a_move_hold_after_it_and_go_on()
    {
        var topic = await CreateAsync(queues: 1);
        var queue = topic.Queues[0];
        for (var number = 0; number < 5; number++)
        {
            await SendAsync(queue, $"{number}");
        }

        await ReadAsync(queue, from: 0, count: 5);
        await CommitAsync(queue, 3);
        await topic.MoveAsync();
        Assert.Equal(3, await CommittedAsync(queue));
        Assert.Equal(0, await Brokers.GetMinOffsetAsync(rocketmq.MasterOf(queue), queue));
        Assert.Equal(StaticTopic.BlockSize, await Brokers.GetMaxOffsetAsync(rocketmq.MasterOf(queue), queue));

        await CommitAsync(queue, 5);
        Assert.Equal(5, await CommittedAsync(queue));
        await SendAsync(queue, "5");
        await UntilEndIsAsync(queue, StaticTopic.BlockSize + 1);
        await CommitAsync(queue, StaticTopic.BlockSize + 1);
        Assert.Equal(StaticTopic.BlockSize + 1, await CommittedAsync(queue));
        await topic.MoveAsync();
        Assert.Equal(StaticTopic.BlockSize + 1, await CommittedAsync(queue));
    }

    [Fact]
    public async Task A_message_sent_before_it_is_decided_where_the_new_piece_begins_is_read_once_it_is()
    {
        var topic = await CreateAsync(queues: 1);
        var queue = topic.Queues[0];
        await SendAsync(queue, "before");
        await topic.MoveAsync(undecided: async () =>
        {
            await Routes.RefreshAsync(topic.Name);
            var sent = await SendAsync(queue, "meanwhile");
            Assert.Equal(topic.Brokers.Count > 1 ? -1 : sent.QueueOffset, sent.QueueOffset);
            Assert.Equal(["before"], (await ReadAsync(queue, from: 0, count: 1)).Select(Text));
        });
        await SendAsync(queue, "after");

        var read = await ReadAsync(queue, from: 0, count: 3);
        Assert.Equal(["before", "meanwhile", "after"], read.Select(Text));
        Assert.Equal([0, StaticTopic.BlockSize, StaticTopic.BlockSize + 1], read.Select(message => message.QueueOffset));
    }

    [Fact]
    public async Task A_transaction_ends_where_its_half_message_is_though_the_queue_has_moved()
    {
        var topic = await CreateAsync(queues: 1);
        await topic.MoveAsync();
        var kept = await rocketmq.Producer.SendHalfAsync(new Message(topic.Name, "kept"u8.ToArray()));
        var dropped = await rocketmq.Producer.SendHalfAsync(new Message(topic.Name, "dropped"u8.ToArray()));
        await rocketmq.Producer.EndTransactionAsync(dropped, commit: false);
        await rocketmq.Producer.EndTransactionAsync(kept, commit: true);

        Assert.Equal(["kept"], (await ReadAsync(topic.Queues[0], from: 0, count: 1)).Select(Text));
    }

    private Task<StaticTopic> CreateAsync(int queues) => StaticTopic.CreateAsync(rocketmq.Client, RocketMQCluster.NewName("static"), queues);

    private Task<SendResult> SendAsync(MessageQueue queue, string body)
        => rocketmq.Producer.SendAsync(new Message(queue.Topic, Encoding.UTF8.GetBytes(body)), queue);

    // What a broker has just taken it may tell of a moment later.
    private Task UntilEndIsAsync(MessageQueue queue, long offset) => Eventually.TrueAsync(
        async () => await Brokers.GetMaxOffsetAsync(rocketmq.MasterOf(queue), queue) == offset, $"the end of {queue} is {offset}");

    private Task CommitAsync(MessageQueue queue, long offset)
        => Brokers.UpdateConsumerOffsetAsync(rocketmq.MasterOf(queue), _group, queue, offset);

    private Task<long?> CommittedAsync(MessageQueue queue)
        => Brokers.QueryConsumerOffsetAsync(rocketmq.MasterOf(queue), _group, queue, setZeroIfNotFound: false);

    private async Task<IReadOnlyList<MessageExt>> ReadAsync(MessageQueue queue, long from, int count)
    {
        // Brokers that pass a pull on to each other must know the group.
        foreach (var master in await rocketmq.MastersAsync())
        {
            await Brokers.HeartbeatAsync(master, new HeartbeatData
            {
                ClientId = rocketmq.Client.ClientId,
                ConsumerDataSet = [new() { GroupName = _group, SubscriptionDataSet = [SubscriptionData.From(queue.Topic, MessageSelector.All, 1)] }],
            });
        }

        var messages = new List<MessageExt>();
        await Eventually.TrueAsync(
            async () =>
            {
                var request = new PullRequest(_group, queue, from) { Expression = MessageSelector.AllTags, SuspendTimeout = TimeSpan.Zero };
                var result = await Brokers.PullAsync(rocketmq.MasterOf(queue), request);
                result.Decode(messages, queue.BrokerName);
                Assert.True(result.NextBeginOffset >= from, $"{result} after {from}");
                from = result.NextBeginOffset;
                return messages.Count >= count && result.Status != PullStatus.Found;
            },
            "all messages");
        return messages;
    }

    private static string Text(MessageExt message) => Encoding.UTF8.GetString(message.Body.Span);
}
