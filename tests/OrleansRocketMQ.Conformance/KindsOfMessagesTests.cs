using System.Collections.Concurrent;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.Testing;

namespace OrleansRocketMQ.Conformance;

/// <summary>Delayed, transactional, batched and compressed messages reach listeners as they were meant.</summary>
[Collection(RocketMQCollection.Name)]
public sealed class KindsOfMessagesTests(RocketMQCluster rocketmq)
{
    private readonly string _group = RocketMQCluster.NewName("group");
    private readonly Recorder _recorder = new();

    [Fact]
    public async Task A_delayed_message_comes_after_its_delay_and_not_before()
    {
        var topic = await rocketmq.CreateTopicAsync();
        await using var cluster = await ConsumeAsync(topic);

        await rocketmq.SendAsync(topic, ["later"], message => message.DelayLevel = 1);
        var sent = TimeProvider.System.GetTimestamp();
        await rocketmq.SendAsync(topic, ["now"]);
        await _recorder.UntilAsync(2);

        Assert.Equal(["now", "later"], _recorder.Bodies);
        Assert.True(TimeProvider.System.GetElapsedTime(sent) > TimeSpan.FromMilliseconds(800));
        Assert.Equal((topic, 0), (_recorder.Deliveries[1].Message.Topic, _recorder.Deliveries[1].Message.ReconsumeTimes));
    }

    [Fact]
    public async Task Of_transactions_only_those_committed_come()
    {
        var topic = await rocketmq.CreateTopicAsync();
        await using var cluster = await ConsumeAsync(topic);

        var committed = await rocketmq.Producer.SendHalfAsync(new Message(topic, "committed"u8.ToArray()));
        var rolledBack = await rocketmq.Producer.SendHalfAsync(new Message(topic, "rolled back"u8.ToArray()));
        await rocketmq.Producer.EndTransactionAsync(rolledBack, commit: false);
        await rocketmq.Producer.EndTransactionAsync(committed, commit: true);
        await rocketmq.SendAsync(topic, ["after"]);
        await _recorder.UntilAsync(2);

        Assert.Equal(["after", "committed"], _recorder.Bodies.Order());
        var message = _recorder.Deliveries.Single(delivery => delivery.Body == "committed").Message;
        Assert.Equal(committed.MessageId, message.MessageId);
        Assert.Equal(TransactionState.Committed, message.TransactionState);
        Assert.Equal(committed.MessageId, message.TransactionId);
    }

    [Fact]
    public async Task A_transaction_nobody_ended_is_asked_back_for_and_ends_as_its_producer_says()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        await using var cluster = await ConsumeAsync(topic);
        var asked = new ConcurrentQueue<string>();
        await using var producer = new Producer(
            new RocketMQClientOptions
            {
                NameServerAddresses = RocketMQClientOptions.ParseAddresses(rocketmq.NameServer),
                ClientId = $"127.0.0.1@{RocketMQCluster.NewName("checked")}",
                HeartbeatInterval = TimeSpan.FromSeconds(5),
            },
            new ProducerOptions
            {
                Group = RocketMQCluster.NewName("producer"),
                CheckTransaction = (half, _) =>
                {
                    asked.Enqueue(Encoding.UTF8.GetString(half.Body.Span));
                    return ValueTask.FromResult(half.Keys == "good" ? TransactionState.Committed : TransactionState.RolledBack);
                },
            },
            NullLoggerFactory.Instance);

        await producer.SendHalfAsync(new Message(topic, "to be committed"u8.ToArray(), keys: "good"));
        await producer.SendHalfAsync(new Message(topic, "to be rolled back"u8.ToArray(), keys: "bad"));

        // The broker asks after its own time-out: 6 s by default, looked at every 30 s.
        await Eventually.TrueAsync(() => asked.Distinct().Count() == 2, "both are asked back for", TimeSpan.FromSeconds(120));
        await Eventually.TrueAsync(() => _recorder.Count == 1, "the one committed", TimeSpan.FromSeconds(60));
        Assert.Equal("to be committed", Assert.Single(_recorder.Bodies));
    }

    [Fact]
    public async Task The_messages_of_a_batch_come_one_by_one_with_properties_of_their_own()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        await using var cluster = await ConsumeAsync(topic);

        await rocketmq.Producer.SendAsync(
            [.. Enumerable.Range(0, 20).Select(number => new Message(topic, Encoding.UTF8.GetBytes($"{number}"), $"tag{number % 2}", $"key{number}"))]);
        await _recorder.UntilAsync(20);

        Assert.Equal(Enumerable.Range(0, 20).Select(number => $"{number}").Order(), _recorder.Bodies.Order());
        Assert.All(_recorder.Deliveries, delivery => Assert.Equal($"key{delivery.Body}", delivery.Message.Keys));
        Assert.Equal(20, _recorder.Deliveries.Select(delivery => delivery.Message.QueueOffset).Distinct().Count());
    }

    [Fact]
    public async Task A_compressed_message_comes_readable_also_after_a_failure()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        var body = string.Concat(Enumerable.Repeat("compressible ", 2000));
        await using var cluster = await TestCluster.ConsumeAsync(rocketmq.NameServer, _group, topic, _recorder.Then((messages, context) =>
        {
            context.DelayLevelWhenNextConsume = 1;
            return messages[0].ReconsumeTimes == 0 ? ConsumeResult.ReconsumeLater : ConsumeResult.Success;
        }));

        await rocketmq.SendAsync(topic, [body]);
        await _recorder.UntilAsync(2);

        Assert.All(_recorder.Bodies, received => Assert.Equal(body, received));
        Assert.All(_recorder.Deliveries, delivery =>
        {
            Assert.NotEqual(0, delivery.Message.SysFlag & MessageSysFlag.Compressed);
            Assert.InRange(delivery.Message.StoreSize, 100, body.Length / 4);
        });
    }

    private Task<TestCluster> ConsumeAsync(string topic) => TestCluster.ConsumeAsync(rocketmq.NameServer, _group, topic, _recorder.Succeed());
}
