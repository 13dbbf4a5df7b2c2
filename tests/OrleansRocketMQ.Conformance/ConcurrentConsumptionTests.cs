using System.Text;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Testing;

namespace OrleansRocketMQ.Conformance;

[Collection(RocketMQCollection.Name)]
public sealed class ConcurrentConsumptionTests(RocketMQCluster rocketmq)
{
    private readonly string _group = RocketMQCluster.NewName("group");
    private readonly Recorder _recorder = new();

    [Fact]
    public async Task Every_message_reaches_the_listener_once_with_all_it_carries()
    {
        var topic = await rocketmq.CreateTopicAsync();
        await using var cluster = await TestCluster.ConsumeAsync(rocketmq.NameServer, _group, topic, _recorder.Succeed());

        await rocketmq.SendAsync(topic, Numbers(200), message =>
        {
            message.Tags = "created";
            message.Keys = "order-1 order-2";
            message.ShardingKey = "customer-7";
            message["color"] = "grün";
        });
        await _recorder.UntilAsync(200);

        Assert.Equal(Numbers(200).Order(), _recorder.Bodies.Order());
        Assert.All(_recorder.Deliveries, delivery =>
        {
            var message = delivery.Message;
            Assert.Equal(topic, message.Topic);
            Assert.Equal("created", message.Tags);
            Assert.Equal("order-1 order-2", message.Keys);
            Assert.Equal("customer-7", message.ShardingKey);
            Assert.Equal("grün", message.GetProperty("color"));
            Assert.Equal(0, message.ReconsumeTimes);
            Assert.Equal(32, message.MessageId.Length);
            Assert.InRange(message.StoreTimestamp, message.BornTimestamp - 5000, long.MaxValue);
        });
    }

    [Fact]
    public async Task Batches_hold_consecutive_messages_of_one_queue_and_no_more_than_asked_for()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 2);
        await rocketmq.SendAsync(topic, Numbers(300));
        var batches = new List<(MessageQueue Queue, long[] Offsets)>();
        await using var cluster = await TestCluster.ConsumeAsync(
            rocketmq.NameServer,
            _group,
            topic,
            (messages, context, _) =>
            {
                lock (batches)
                {
                    batches.Add((context.Queue, [.. messages.Select(message => message.QueueOffset)]));
                }

                _recorder.Record(messages, context);
                return ValueTask.FromResult(ConsumeResult.Success);
            },
            consumer => consumer.Configure(options => options.ConsumeBatchSize = 16));

        await _recorder.UntilAsync(300);

        Assert.All(batches, batch => Assert.InRange(batch.Offsets.Length, 1, 16));
        Assert.All(batches, batch => Assert.Equal(Enumerable.Range(0, batch.Offsets.Length).Select(index => batch.Offsets[0] + index), batch.Offsets));
        Assert.Contains(batches, batch => batch.Offsets.Length > 1);
        Assert.Equal(300, _recorder.Deliveries.DistinctBy(delivery => (delivery.Queue, delivery.Message.QueueOffset)).Count());
    }

    [Fact]
    public async Task Batch_sends_and_one_way_sends_are_consumed_like_any_other()
    {
        var topic = await rocketmq.CreateTopicAsync();
        await using var cluster = await TestCluster.ConsumeAsync(rocketmq.NameServer, _group, topic, _recorder.Succeed());

        await rocketmq.Producer.SendAsync([.. Numbers(50).Select(number => new Message(topic, Encoding.UTF8.GetBytes("batch " + number), "t"))]);
        foreach (var number in Numbers(50))
        {
            await rocketmq.Producer.SendOneWayAsync(new Message(topic, Encoding.UTF8.GetBytes("one-way " + number)));
        }

        await _recorder.UntilAsync(100);

        Assert.Equal(
            Numbers(50).Select(number => "batch " + number).Concat(Numbers(50).Select(number => "one-way " + number)).Order(),
            _recorder.Bodies.Order());
    }

    [Fact]
    public async Task A_compressed_body_arrives_as_it_was_sent()
    {
        var topic = await rocketmq.CreateTopicAsync();
        await using var cluster = await TestCluster.ConsumeAsync(rocketmq.NameServer, _group, topic, _recorder.Succeed());
        var text = string.Concat(Enumerable.Range(0, 5000).Select(number => $"line {number}\n"));

        await rocketmq.SendAsync(topic, [text]);
        await _recorder.UntilAsync(1);

        var message = _recorder.Deliveries[0].Message;
        Assert.Equal(text, _recorder.Deliveries[0].Body);
        Assert.NotEqual(0, message.SysFlag & MessageSysFlag.Compressed);
        Assert.True(message.StoreSize < text.Length / 2);
    }

    [Fact]
    public async Task A_registered_decompressor_reads_the_bodies_of_its_type()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        ScriptedListener.Script(_group, _recorder.Succeed());
        await using var cluster = await TestCluster.StartAsync(rocketmq.NameServer, builder => builder
            .AddDecompressor(new ReversingDecompressor())
            .AddConsumer<ScriptedListener>(_group, consumer => consumer
                .Subscribe(topic)
                .Configure(options => options.ConsumeFromWhere = Configuration.ConsumeFromWhere.FirstOffset)));
        var queue = (await rocketmq.Client.Routes.GetAsync(topic)).WriteQueues[0];

        await rocketmq.Client.Brokers.SendAsync(rocketmq.MasterOf(queue), new SendMessageRequest
        {
            ProducerGroup = "conformance_producer",
            Topic = topic,
            BrokerName = queue.BrokerName,
            QueueId = queue.QueueId,
            Body = "desrever"u8.ToArray(),
            BornTimestamp = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(),
            SysFlag = MessageSysFlag.Compressed | ((int)CompressionType.Lz4 << 8),
        });
        await _recorder.UntilAsync(1);

        Assert.Equal("reversed", Assert.Single(_recorder.Bodies));
    }

    [Fact]
    public async Task A_slow_message_holds_up_no_other()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        var release = new TaskCompletionSource();
        await using var cluster = await TestCluster.ConsumeAsync(rocketmq.NameServer, _group, topic, async (messages, context, _) =>
        {
            if (messages[0].Keys == "slow")
            {
                await release.Task;
            }

            _recorder.Record(messages, context);
            return ConsumeResult.Success;
        });

        await rocketmq.SendAsync(topic, ["slow"], message => message.Keys = "slow");
        await rocketmq.SendAsync(topic, Numbers(100));
        await _recorder.UntilAsync(100);

        Assert.DoesNotContain("slow", _recorder.Bodies);
        release.SetResult();
        await _recorder.UntilAsync(101);
        await Eventually.TrueAsync(() => cluster.StatusOf(_group).Sum(status => status.Queues.Sum(queue => queue.CachedMessages)) == 0, "nothing is in work");
    }

    [Fact]
    public async Task A_topic_made_after_the_consumer_is_picked_up()
    {
        var topic = RocketMQCluster.NewName("later");
        ScriptedListener.Script(_group, _recorder.Succeed());
        await using var cluster = await TestCluster.StartAsync(
            rocketmq.NameServer,
            builder => builder.AddConsumer<ScriptedListener>(_group, consumer => consumer
                .Subscribe(topic)
                .Configure(options => options.ConsumeFromWhere = Configuration.ConsumeFromWhere.FirstOffset)));

        await rocketmq.CreateTopicAsync(topic: topic);
        await rocketmq.SendAsync(topic, Numbers(10));
        await _recorder.UntilAsync(10);

        Assert.Equal(Numbers(10).Order(), _recorder.Bodies.Order());
    }

    /// <summary>Stands for a real LZ4 library: what matters is that it is asked.</summary>
    private sealed class ReversingDecompressor : IMessageDecompressor
    {
        public CompressionType Type => CompressionType.Lz4;

        public ReadOnlyMemory<byte> Decompress(ReadOnlyMemory<byte> compressed)
        {
            var body = compressed.ToArray();
            Array.Reverse(body);
            return body;
        }
    }

    private static IEnumerable<string> Numbers(int count) => Enumerable.Range(0, count).Select(number => number.ToString("000", System.Globalization.CultureInfo.InvariantCulture));
}
