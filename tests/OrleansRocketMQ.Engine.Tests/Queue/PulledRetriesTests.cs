using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Subscriptions;
using OrleansRocketMQ.Engine.Tests.Support;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Engine.Tests.Queue;

/// <summary>What is taken of a retry topic of pops that is pulled.</summary>
public sealed class PulledRetriesTests
{
    private const string Version1 = "%RETRY%g_orders";
    private const string Version2 = "%RETRY%g+orders";

    private readonly PumpLab _lab = new();

    [Fact]
    public void What_another_group_keeps_in_a_topic_of_the_same_name_is_passed_over()
    {
        var (messages, next) = Pull(
            Version1,
            [],
            new() { [MessageProperties.RetryTopic] = "payments" },
            new() { [MessageProperties.RetryTopic] = "payments", [MessageProperties.FirstPopTime] = "17" },
            new() { [MessageProperties.FirstPopTime] = "17" },
            new() { [MessageProperties.FirstPopTime] = "17", [MessageProperties.RetryTopic] = "orders" },
            new() { [MessageProperties.FirstPopTime] = "17", [MessageProperties.RetryTopic] = Version1 });

        Assert.Equal([3L, 4, 5], messages.Select(message => message.QueueOffset));
        Assert.All(messages, message => Assert.Equal("orders", message.Topic));
        Assert.Equal(6, next);
    }

    [Fact]
    public void Nobody_else_keeps_anything_in_a_topic_of_the_second_version()
    {
        var (messages, _) = Pull(Version2, new Dictionary<string, string>());

        Assert.Equal("orders", Assert.Single(messages).Topic);
    }

    private (List<MessageExt> Messages, long Next) Pull(string topic, params Dictionary<string, string>[] properties)
    {
        _lab.Origins[topic] = "orders";
        var records = new PulledRecords(PumpLab.Queue with { Topic = topic }, _lab.Make().Environment, _lab.Log);
        var bytes = properties.SelectMany((some, offset) => TestMessages.At(
            offset, topic: topic, properties: some.ToDictionary(pair => pair.Key, pair => (string?)pair.Value)).Record.ToArray());
        var messages = new List<MessageExt>();
        var next = records.Decode(
            new PullResult(PullStatus.Found, properties.Length, 0, properties.Length, 0, bytes.ToArray()),
            new Subscription(topic, MessageSelector.All, version: 1),
            messages);
        return (messages, next);
    }
}
