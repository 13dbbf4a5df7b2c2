using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Testing;

namespace OrleansRocketMQ.Conformance;

/// <summary>
/// Light message queues, which a message of an ordinary topic names and that are consumed by themselves. A real broker needs
/// <c>enableLmq=true</c> and <c>enableMultiDispatch=true</c>.
/// </summary>
[Collection(RocketMQCollection.Name)]
public sealed class LightQueueTests(RocketMQCluster rocketmq)
{
    private readonly Recorder _recorder = new();

    [Fact]
    public async Task A_group_gets_what_names_its_queue_once_in_order_with_offsets_of_that_queue_and_they_are_committed()
    {
        var (topic, mine, others) = (await rocketmq.CreateTopicAsync(queues: 2), NewQueue(), NewQueue());
        var group = RocketMQCluster.NewName("group");
        await SendAsync(topic, others, "before");
        await SendAsync(topic, $"{others},{mine}", "a");
        await SendAsync(topic, mine, "b");
        await SendAsync(topic, $"{mine},{others}", "c");
        await rocketmq.SendAsync(topic, ["nobody's"]);

        await using var cluster = await TestCluster.ConsumeAsync(rocketmq.NameServer, group, mine, _recorder.Succeed());
        await _recorder.UntilAsync(3);
        await SendAsync(topic, mine, "d");
        await _recorder.UntilAsync(4);

        Assert.Equal(["a", "b", "c", "d"], _recorder.Deliveries.Select(delivery => delivery.Body).Order());
        Assert.All(_recorder.Deliveries, delivery => Assert.Equal((mine, 0), (delivery.Message.Topic, delivery.Message.QueueId)));
        foreach (var broker in _recorder.Deliveries.GroupBy(Broker))
        {
            Assert.Equal(Enumerable.Range(0, broker.Count()).Select(number => (long)number), broker.Select(delivery => delivery.Message.QueueOffset).Order());
        }

        await Eventually.TrueAsync(async () => await rocketmq.CommittedAsync(group, mine) == 4, "4 committed");

        static string Broker(Delivery delivery) => delivery.Message.BrokerName;
    }

    [Fact]
    public async Task A_message_that_fails_comes_again_and_another_group_of_the_topic_itself_gets_it_too()
    {
        var (topic, mine) = (await rocketmq.CreateTopicAsync(queues: 1), NewQueue());
        var ofTheTopic = new Recorder();
        await using var light = await TestCluster.ConsumeAsync(
            rocketmq.NameServer,
            RocketMQCluster.NewName("group"),
            mine,
            _recorder.Then((messages, context) =>
            {
                if (messages[0].ReconsumeTimes == 0)
                {
                    context.RetryAfter(messages[0], TimeSpan.FromSeconds(1));
                }

                return ConsumeResult.Success;
            }));
        await using var ordinary = await TestCluster.ConsumeAsync(rocketmq.NameServer, RocketMQCluster.NewName("group"), topic, ofTheTopic.Succeed());

        await SendAsync(topic, mine, "once more");

        await _recorder.UntilAsync(2);
        await ofTheTopic.UntilAsync(1);
        Assert.Equal([(mine, 0), (mine, 1)], _recorder.Deliveries.Select(delivery => (delivery.Message.Topic, delivery.Message.ReconsumeTimes)));
        Assert.Equal(topic, Assert.Single(ofTheTopic.Deliveries).Message.Topic);
    }

    [Fact]
    public async Task A_dead_letter_does_not_come_again_though_its_broker_lists_it_in_the_light_queue_once_more()
    {
        var (topic, mine) = (await rocketmq.CreateTopicAsync(queues: 1), NewQueue());
        var group = RocketMQCluster.NewName("group");
        await using var cluster = await TestCluster.ConsumeAsync(
            rocketmq.NameServer,
            group,
            mine,
            _recorder.Then((messages, context) =>
            {
                if (messages[0].Body.Span.SequenceEqual("poison"u8))
                {
                    context.Reject(messages[0], "nobody can take it");
                }

                return ConsumeResult.Success;
            }));

        await SendAsync(topic, mine, "poison");
        await Eventually.TrueAsync(async () => await rocketmq.CommittedAsync(group, mine) == 2, "the message and its dead letter are passed");
        await SendAsync(topic, mine, "good");
        await Eventually.TrueAsync(() => _recorder.Deliveries.Any(delivery => delivery.Body == "good"), "the one behind them");

        Assert.Equal([(mine, "poison"), (mine, "good")], _recorder.Deliveries.Select(delivery => (delivery.Message.Topic, delivery.Body)));
    }

    private static string NewQueue() => SystemTopics.LightPrefix + RocketMQCluster.NewName("light");

    private Task SendAsync(string topic, string queues, string body)
        => rocketmq.SendAsync(topic, [body], message => message[MessageProperties.MultiDispatch] = queues);
}
