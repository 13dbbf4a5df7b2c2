using System.Text;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.Testing;

namespace OrleansRocketMQ.Conformance;

/// <summary>
/// A topic whose queues keep batches as they were sent (<c>queue.type=BatchCQ</c>, from 5.0 on). The embedded broker keeps messages
/// singly whatever the topic says; what a group gets is the same.
/// </summary>
[Collection(RocketMQCollection.Name)]
public sealed class BatchQueueTests(RocketMQCluster rocketmq)
{
    private readonly Recorder _recorder = new();

    [Fact]
    public async Task The_messages_of_batches_come_one_by_one_with_offsets_of_their_own_and_all_are_committed()
    {
        var topic = RocketMQCluster.NewName("topic");
        await rocketmq.Client.Brokers.CreateTopicAsync((await rocketmq.MastersAsync())[0], topic, queues: 1, attributes: "+queue.type=BatchCQ");
        await Eventually.TrueAsync(() => IsKnownAsync(topic), $"a route to {topic}");
        var group = RocketMQCluster.NewName("group");

        await SendAsync(topic, "a", "b", "c");
        await SendAsync(topic, "d", "e");
        await rocketmq.SendAsync(topic, ["single"]);
        await using var cluster = await TestCluster.ConsumeAsync(rocketmq.NameServer, group, topic, _recorder.Succeed());
        await _recorder.UntilAsync(6);

        Assert.Equal(["a", "b", "c", "d", "e", "single"], _recorder.Deliveries.OrderBy(delivery => delivery.Message.QueueOffset).Select(delivery => delivery.Body));
        Assert.Equal([0L, 1, 2, 3, 4, 5], _recorder.Deliveries.Select(delivery => delivery.Message.QueueOffset).Order());
        Assert.All(_recorder.Deliveries, delivery => Assert.Equal(topic, delivery.Message.Topic));
        await Eventually.TrueAsync(async () => await rocketmq.CommittedAsync(group, topic) == 6, "6 committed");
    }

    private Task<SendResult> SendAsync(string topic, params string[] texts)
        => rocketmq.Producer.SendAsync([.. texts.Select(text => new Message(topic, Encoding.UTF8.GetBytes(text)))]);

    private async Task<bool> IsKnownAsync(string topic)
    {
        try
        {
            return (await rocketmq.Client.Routes.RefreshAsync(topic)).ReadQueues.Count == 1;
        }
        catch (TopicNotFoundException)
        {
            return false;
        }
    }
}
