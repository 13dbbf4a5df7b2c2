using System.Text;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.Testing;

namespace OrleansRocketMQ.Conformance;

/// <summary>
/// A topic whose queues keep batches as they were sent (<c>queue.type=BatchCQ</c>, from 5.0 on).
/// </summary>
[Collection(RocketMQCollection.Name)]
public sealed class BatchQueueTests(RocketMQCluster rocketmq)
{
    private readonly Recorder _recorder = new();

    [Fact]
    public async Task The_messages_of_batches_come_one_by_one_with_offsets_of_their_own_and_all_are_committed()
    {
        var topic = await CreateTopicAsync();
        var group = RocketMQCluster.NewName("group");

        await SendAsync(topic, "a", "b", "c");
        await SendAsync(topic, "d", "e");
        await rocketmq.SendAsync(topic, ["single"]);
        await using var cluster = await TestCluster.ConsumeAsync(rocketmq.NameServer, group, topic, _recorder.Succeed());
        await _recorder.UntilAsync(6);

        Assert.Equal(["a", "b", "c", "d", "e", "single"], _recorder.Deliveries.OrderBy(delivery => delivery.Message.QueueOffset).Select(delivery => delivery.Body));
        Assert.Equal([0L, 1, 2, 3, 4, 5], _recorder.Deliveries.Select(delivery => delivery.Message.QueueOffset).Order());
        Assert.All(_recorder.Deliveries, delivery => Assert.Equal((topic, delivery.Body != "single"), (delivery.Message.Topic, delivery.Message.IsInnerBatch)));
        Assert.Equal(["0 of 3", "0 of 3", "0 of 3", "3 of 2", "3 of 2"], _recorder.Deliveries.Where(delivery => delivery.Message.IsInnerBatch)
            .OrderBy(delivery => delivery.Message.QueueOffset)
            .Select(delivery => BatchOf(delivery.Message)));
        await Eventually.TrueAsync(async () => await rocketmq.CommittedAsync(group, topic) == 6, "6 committed");
    }

    [Fact]
    public async Task A_group_that_begins_within_a_batch_gets_what_is_left_of_it()
    {
        var topic = await CreateTopicAsync();
        var group = RocketMQCluster.NewName("group");
        await SendAsync(topic, "a", "b", "c");
        await SendAsync(topic, "d", "e");
        var queue = Assert.Single((await rocketmq.Client.Routes.GetAsync(topic)).ReadQueues);
        await rocketmq.Client.Brokers.InvokeAsync(
            rocketmq.MasterOf(queue),
            Framing.RemotingCommand.Request(
                Protocol.RequestCodes.UpdateAndCreateSubscriptionGroup,
                Encoding.UTF8.GetBytes($$"""{"groupName":"{{group}}","consumeEnable":true,"retryQueueNums":1,"retryMaxTimes":16}""")));
        await rocketmq.Client.Brokers.UpdateConsumerOffsetAsync(rocketmq.MasterOf(queue), group, queue, 1);
        await Eventually.TrueAsync(async () => await rocketmq.CommittedAsync(group, topic) == 1, "the group begins at offset 1");

        await using var cluster = await TestCluster.ConsumeAsync(rocketmq.NameServer, group, topic, _recorder.Succeed());
        await _recorder.UntilAsync(4);

        await Eventually.TrueAsync(async () => await rocketmq.CommittedAsync(group, topic) == 5, "5 committed");
        Assert.Equal(["b", "c", "d", "e"], _recorder.Deliveries.OrderBy(delivery => delivery.Message.QueueOffset).Select(delivery => delivery.Body));
    }

    // Where the record says that the batch begins, and how many are in it.
    private static string BatchOf(MessageExt message)
    {
        var record = new byte[message.Record.Length];
        message.Record.CopyTo(record);
        var sysFlag = message.SysFlag & ~MessageSysFlag.InnerBatch;
        System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(record.AsSpan(36), sysFlag);
        var whole = Assert.Single(MessageDecoder.DecodeAll(record));
        return $"{whole.GetProperty(MessageProperties.InnerBase)} of {whole.GetProperty(MessageProperties.InnerNumber)}";
    }

    private async Task<string> CreateTopicAsync()
    {
        var topic = RocketMQCluster.NewName("topic");
        await rocketmq.Client.Brokers.CreateTopicAsync((await rocketmq.MastersAsync())[0], topic, queues: 1, attributes: "+queue.type=BatchCQ");
        await Eventually.TrueAsync(() => IsKnownAsync(topic), $"a route to {topic}");
        return topic;
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
