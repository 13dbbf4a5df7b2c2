using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Testing;

namespace OrleansRocketMQ.Conformance;

[Collection(RocketMQCollection.Name)]
public sealed class RetryAndDeadLetterTests(RocketMQCluster rocketmq)
{
    private const int OneSecond = 1;

    private readonly string _group = RocketMQCluster.NewName("group");
    private readonly Recorder _recorder = new();

    [Fact]
    public async Task A_failed_message_comes_again_under_its_own_topic_and_id_and_counts_its_failures()
    {
        var topic = await rocketmq.CreateTopicAsync();
        await using var cluster = await ConsumeAsync(topic, (messages, context) => RetrySoon(context, messages[0].ReconsumeTimes < 2));

        await rocketmq.SendAsync(topic, ["failing"]);
        await _recorder.UntilAsync(3);

        Assert.Equal([0, 1, 2], _recorder.Deliveries.Select(delivery => delivery.Message.ReconsumeTimes));
        Assert.Single(_recorder.Deliveries.Select(delivery => delivery.Message.MessageId).Distinct());
        Assert.All(_recorder.Deliveries, delivery => Assert.Equal(topic, delivery.Message.Topic));
        Assert.Equal(SystemTopics.Retry(_group), _recorder.Deliveries[2].Queue.Topic);
        Assert.NotNull(_recorder.Deliveries[2].Message.OriginMessageId);
        await Eventually.TrueAsync(() => cluster.StatusOf(_group)[0] is { Consumed: 1, Failed: 2, SentBack: 2 }, "two failures and one success are counted");
    }

    [Fact]
    public async Task An_exception_counts_as_a_failure_and_touches_no_other_message()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        await using var cluster = await ConsumeAsync(topic, (messages, context) => messages[0] is { Keys: "bad", ReconsumeTimes: 0 }
            ? throw new InvalidOperationException("the listener broke")
            : ConsumeResult.Success);

        await rocketmq.SendAsync(topic, ["good"]);
        await rocketmq.SendAsync(topic, ["bad"], message => message.Keys = "bad");
        await rocketmq.SendAsync(topic, ["good"]);
        await _recorder.UntilAsync(4); // the default first delay is 10 s

        Assert.Equal(2, _recorder.Deliveries.Count(delivery => delivery.Body == "good"));
        Assert.Equal([0, 1], _recorder.Deliveries.Where(delivery => delivery.Body == "bad").Select(delivery => delivery.Message.ReconsumeTimes));
    }

    [Fact]
    public async Task Only_the_messages_behind_the_ack_index_come_again()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        await rocketmq.Producer.SendAsync([.. new[] { "0", "1", "2", "3" }.Select(body => new Message(topic, System.Text.Encoding.UTF8.GetBytes(body)))]);
        await using var cluster = await ConsumeAsync(
            topic,
            (messages, context) =>
            {
                context.DelayLevelWhenNextConsume = OneSecond;
                context.AckIndex = messages[0].ReconsumeTimes == 0 ? 1 : int.MaxValue;
                return ConsumeResult.Success;
            },
            options => options.ConsumeBatchSize = 4);

        await _recorder.UntilAsync(6);

        Assert.Equal(["0", "1", "2", "3"], _recorder.Deliveries.Take(4).Select(delivery => delivery.Body));
        Assert.Equal(["2", "3"], _recorder.Deliveries.Skip(4).Select(delivery => delivery.Body).Order());
    }

    [Fact]
    public async Task After_the_last_attempt_the_dead_letter_topic_holds_the_message()
    {
        var topic = await rocketmq.CreateTopicAsync();
        await using var cluster = await ConsumeAsync(topic, (_, context) => RetrySoon(context, fail: true), options => options.MaxReconsumeTimes = 1);

        await rocketmq.SendAsync(topic, ["poison"], message => message.Keys = "k");
        var dead = await DeadLettersAsync(1);

        Assert.Equal([0, 1], _recorder.Deliveries.Select(delivery => delivery.Message.ReconsumeTimes));
        Assert.Equal("poison", System.Text.Encoding.UTF8.GetString(dead[0].Body.Span));
        Assert.Equal(topic, dead[0].GetProperty(MessageProperties.RetryTopic));
        Assert.Equal("k", dead[0].Keys);
        Assert.Equal(_recorder.Deliveries[0].Message.MessageId, dead[0].MessageId);
    }

    [Fact]
    public async Task A_listener_can_send_a_message_straight_to_the_dead_letters()
    {
        var topic = await rocketmq.CreateTopicAsync();
        await using var cluster = await ConsumeAsync(topic, (_, context) =>
        {
            context.DelayLevelWhenNextConsume = ConsumeContext.ToDeadLetters;
            return ConsumeResult.ReconsumeLater;
        });

        await rocketmq.SendAsync(topic, ["hopeless"]);
        await DeadLettersAsync(1);

        Assert.Equal(1, _recorder.Count);
    }

    [Fact]
    public async Task A_body_that_cannot_be_decompressed_is_never_skipped_and_ends_in_the_dead_letters()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        await using var cluster = await ConsumeAsync(topic, (_, _) => ConsumeResult.Success, options => options.MaxReconsumeTimes = 0);
        var queue = (await rocketmq.Client.Routes.GetAsync(topic)).WriteQueues[0];

        foreach (var compression in new[] { CompressionType.Zlib, CompressionType.Lz4, CompressionType.Zstd })
        {
            await rocketmq.Client.Brokers.SendAsync(rocketmq.MasterOf(queue), new SendMessageRequest
            {
                ProducerGroup = "conformance_producer",
                Topic = topic,
                BrokerName = queue.BrokerName,
                QueueId = 0,
                Body = "this was never compressed"u8.ToArray(),
                BornTimestamp = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(),
                SysFlag = MessageSysFlag.Compressed | ((int)compression << 8),
            });
        }

        await rocketmq.SendAsync(topic, ["readable"]);
        var dead = await DeadLettersAsync(3);

        await _recorder.UntilAsync(1);
        Assert.Equal("readable", Assert.Single(_recorder.Bodies));
        Assert.All(dead, message => Assert.NotNull(message.BodyError));
        await Eventually.TrueAsync(() => cluster.StatusOf(_group)[0].Failed == 3, "three failures are counted");
    }

    private Task<TestCluster> ConsumeAsync(string topic, Func<MessageBatch, ConsumeContext, ConsumeResult> decide, Action<Configuration.ConsumerOptions>? configure = null)
        => TestCluster.ConsumeAsync(rocketmq.NameServer, _group, topic, _recorder.Then(decide), consumer => consumer.Configure(configure ?? (_ => { })));

    private static ConsumeResult RetrySoon(ConsumeContext context, bool fail)
    {
        context.DelayLevelWhenNextConsume = OneSecond;
        return fail ? ConsumeResult.ReconsumeLater : ConsumeResult.Success;
    }

    private Task<IReadOnlyList<MessageExt>> DeadLettersAsync(int count) => Eventually.GetAsync<IReadOnlyList<MessageExt>>(
        async () => await rocketmq.ReadAllAsync(SystemTopics.DeadLetter(_group)) is { } dead && dead.Count >= count ? dead : null,
        $"{count} dead letters of {_group}");
}
