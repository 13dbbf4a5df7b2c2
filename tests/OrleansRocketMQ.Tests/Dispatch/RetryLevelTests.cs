using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Dispatch;

/// <summary>A message that fails again and again waits longer each time, by RocketMQ's levels, and is dead after the last.</summary>
public sealed class RetryLevelTests
{
    private static readonly EmbeddedRocketMQOptions AllLevelsQuick = new() { MessageDelayLevels = string.Join(' ', Enumerable.Repeat("20ms", 18)) };

    [Fact]
    public async Task Each_of_the_sixteen_retries_has_the_level_of_its_number_and_the_next_is_death()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1, AllLevelsQuick);
        await using var cluster = await rocketmq.ConsumeAsync(rocketmq.Recorder.Then((_, _) => ConsumeResult.ReconsumeLater));
        await rocketmq.SendAsync(1, prepare: message => message["color"] = "grün");
        var deadLetters = SystemTopics.DeadLetter(rocketmq.MyGroup);
        await Eventually.TrueAsync(() => rocketmq.Broker.QueueCount(deadLetters) > 0 && rocketmq.Broker.Messages(deadLetters).Count == 1, "a dead letter");

        var deliveries = rocketmq.Recorder.Deliveries.Select(delivery => delivery.Message).ToArray();
        Assert.Equal(Enumerable.Range(0, 17), deliveries.Select(message => message.ReconsumeTimes));

        // 3 is 10 s and 18 is 2 h where levels are RocketMQ's own.
        Assert.Equal(Enumerable.Range(3, 16).Select(level => $"{level}"), deliveries.Skip(1).Select(message => message.GetProperty(MessageProperties.DelayTimeLevel)));
        var dead = Assert.Single(rocketmq.Broker.Messages(deadLetters));
        Assert.Equal(17, dead.ReconsumeTimes);
        foreach (var message in deliveries.Skip(1).Append(dead))
        {
            Assert.Equal(TestRocketMQ.Topic, message.GetProperty(MessageProperties.RetryTopic));
            Assert.Equal(deliveries[0].OffsetMessageId, message.OriginMessageId);
            Assert.Equal((deliveries[0].MessageId, "grün"), (message.MessageId, message.GetProperty("color")));
        }
    }

    [Fact]
    public async Task Each_message_gets_the_level_its_listener_wants()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1, AllLevelsQuick);
        await using var cluster = await rocketmq.ConsumeAsync(rocketmq.Recorder.Then((messages, context) =>
        {
            context.DelayLevelWhenNextConsume = int.Parse(TestRocketMQ.Text(messages[0]), System.Globalization.CultureInfo.InvariantCulture) - 1;
            return messages[0].ReconsumeTimes == 0 ? ConsumeResult.ReconsumeLater : ConsumeResult.Success;
        }));

        // 0 goes to the dead letters at once, 1 leaves it to the broker, the others name their level.
        await rocketmq.SendAsync(10);
        await rocketmq.Recorder.UntilAsync(19);

        Assert.Equal("0", TestRocketMQ.Text(Assert.Single(rocketmq.Broker.Messages(SystemTopics.DeadLetter(rocketmq.MyGroup)))));
        var levels = rocketmq.Recorder.Deliveries.Where(delivery => delivery.Message.ReconsumeTimes == 1)
            .ToDictionary(delivery => delivery.Body, delivery => delivery.Message.GetProperty(MessageProperties.DelayTimeLevel));
        Assert.Equal("3", levels["1"]);
        Assert.All(Enumerable.Range(2, 8), number => Assert.Equal($"{number - 1}", levels[$"{number}"]));
    }
}
