using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Subscriptions;
using OrleansRocketMQ.Engine.Tests.Support;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Engine.Tests.Queue;

/// <summary>What is taken of a light queue that is pulled.</summary>
public sealed class PulledLightMessagesTests
{
    [Fact]
    public void Dead_letters_that_the_broker_has_listed_there_once_more_are_passed_over()
    {
        const string Light = $"{SystemTopics.LightPrefix}mine";
        var lab = new PumpLab();
        var records = new PulledRecords(PumpLab.Queue with { Topic = Light }, lab.Make().Environment, lab.Log);
        string[] topics = ["orders", SystemTopics.DeadLetter("g"), "orders", SystemTopics.DeadLetter("others")];
        var bytes = topics.SelectMany((topic, offset) => TestMessages.At(offset, topic: topic).Record.ToArray()).ToArray();
        var messages = new List<MessageExt>();

        var next = records.Decode(
            new PullResult(PullStatus.Found, topics.Length, 0, topics.Length, 0, bytes), new Subscription(Light, MessageSelector.All, version: 1), messages);

        Assert.Equal([(Light, 0L), (Light, 2L)], messages.Select(message => (message.Topic, message.QueueOffset)));
        Assert.Equal(4, next);
    }
}
