using OrleansRocketMQ.Queues;

namespace OrleansRocketMQ.Tests.Queues;

public sealed class QueueGrainKeyTests
{
    [Theory]
    [InlineData("group", "topic", "broker-a", 0)]
    [InlineData("a|b", "%RETRY%a|b", "rack/7/broker", 17)]
    public void A_key_tells_its_group_and_queue(string group, string topic, string broker, int queueId)
    {
        var queue = new MessageQueue(topic, broker, queueId);

        Assert.Equal(new QueueGrainKey(group, queue, null), QueueGrainKey.Parse(QueueGrainKey.Of(group, queue)));
        Assert.Equal(new QueueGrainKey(group, queue, "silo/1@east"), QueueGrainKey.Parse(QueueGrainKey.Of(group, queue, "silo/1@east")));
    }

    [Theory]
    [InlineData("")]
    [InlineData("group/topic/0")]
    [InlineData("group/topic/x/broker")]
    public void Anything_else_is_refused(string key)
        => Assert.Equal("Key of a queue grain", Assert.Throws<RocketMQValidationException>(() => QueueGrainKey.Parse(key)).Field);
}
