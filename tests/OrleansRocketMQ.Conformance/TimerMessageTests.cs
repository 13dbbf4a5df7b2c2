using System.Globalization;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Testing;

namespace OrleansRocketMQ.Conformance;

/// <summary>Messages that are to come at an exact time. Needs brokers from 5.0 on, with timers, as they are unless set otherwise.</summary>
[Collection(RocketMQCollection.Name)]
public sealed class TimerMessageTests(RocketMQCluster rocketmq)
{
    // Brokers deliver at the end of a second, and a real one's threads take their time.
    private static readonly TimeSpan Precision = TimeSpan.FromSeconds(1);

    private readonly string _group = RocketMQCluster.NewName("group");
    private readonly Recorder _recorder = new();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_message_comes_at_its_time_and_not_before(bool absolute)
    {
        var topic = await rocketmq.CreateTopicAsync();
        await using var cluster = await ConsumeAsync(topic);
        var due = DateTimeOffset.UtcNow.AddSeconds(4);

        await rocketmq.SendAsync(topic, ["later"], message =>
        {
            message.DeliverAt = absolute ? due : null;
            message.DeliverAfter = absolute ? null : due - DateTimeOffset.UtcNow;
        });
        await rocketmq.SendAsync(topic, ["now"]);
        await _recorder.UntilAsync(2);

        Assert.Equal(["now", "later"], _recorder.Bodies);
        var message = _recorder.Deliveries[1].Message;
        Assert.True(Time(message.StoreTimestamp) > due - Precision, $"due {due:O}, stored {Time(message.StoreTimestamp):O}");
        Assert.True(Time(message.DeliverTimestamp!.Value) >= due.AddMilliseconds(-1) - (absolute ? TimeSpan.Zero : Precision));
        Assert.True(Time(message.DeliverTimestamp.Value) <= due + Precision + Precision);
        Assert.Equal((topic, 0), (message.Topic, message.ReconsumeTimes));
        Assert.Null(_recorder.Deliveries[0].Message.DeliverTimestamp);
    }

    [Fact]
    public async Task What_the_broker_leaves_on_a_delivered_message()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        await using var cluster = await ConsumeAsync(topic);
        var due = DateTimeOffset.UtcNow.AddSeconds(3).ToUnixTimeMilliseconds();

        await rocketmq.SendAsync(topic, ["timed"], message => message.DeliverAt = DateTimeOffset.FromUnixTimeMilliseconds(due));
        await _recorder.UntilAsync(1);

        var message = Assert.Single(_recorder.Deliveries).Message;
        Assert.Equal(due, message.DeliverTimestamp);
        Assert.Equal($"{due}", message.GetProperty(MessageProperties.TimerDeliverMilliseconds));
        var slot = long.Parse(message.GetProperty(MessageProperties.TimerOutMilliseconds)!, CultureInfo.InvariantCulture);
        Assert.Equal((due - 1) / 1000 * 1000, slot);
        Assert.True(long.Parse(message.GetProperty("TIMER_DEQUEUE_MS")!, CultureInfo.InvariantCulture) >= slot);
        Assert.NotNull(message.GetProperty("TIMER_ENQUEUE_MS"));
        Assert.Equal((topic, "0"), (message.GetProperty(MessageProperties.RealTopic), message.GetProperty(MessageProperties.RealQueueId)));
    }

    [Fact]
    public async Task Messages_come_in_the_order_of_their_times_whatever_the_order_of_sending()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        await using var cluster = await ConsumeAsync(topic);
        var now = DateTimeOffset.UtcNow;

        foreach (var seconds in new[] { 9, 3, 6 })
        {
            await rocketmq.SendAsync(topic, [$"{seconds}"], message => message.DeliverAt = now.AddSeconds(seconds));
        }

        await _recorder.UntilAsync(3);
        Assert.Equal(["3", "6", "9"], _recorder.Bodies);
    }

    [Fact]
    public async Task A_time_that_is_past_means_at_once()
    {
        var topic = await rocketmq.CreateTopicAsync();
        await using var cluster = await ConsumeAsync(topic);

        await rocketmq.SendAsync(topic, ["past"], message => message.DeliverAt = DateTimeOffset.UtcNow.AddDays(-1));
        await rocketmq.SendAsync(topic, ["zero"], message => message.DeliverAfter = TimeSpan.Zero);
        await _recorder.UntilAsync(2);

        Assert.Equal(["past", "zero"], _recorder.Bodies.Order());
    }

    [Fact]
    public async Task More_than_three_days_ahead_is_refused_and_others_go_on()
    {
        var topic = await rocketmq.CreateTopicAsync();
        var refused = await Assert.ThrowsAsync<BrokerResponseException>(
            () => rocketmq.SendAsync(topic, ["too late"], message => message.DeliverAfter = TimeSpan.FromDays(4)));

        Assert.Equal(ResponseCodes.MessageIllegal, refused.ResponseCode);
        Assert.StartsWith("timer message illegal", refused.Remark, StringComparison.Ordinal);
        await using var cluster = await ConsumeAsync(topic);
        await rocketmq.SendAsync(topic, ["now"]);
        await _recorder.UntilAsync(1);
        Assert.Equal("now", Assert.Single(_recorder.Bodies));
    }

    [Fact]
    public async Task A_level_wins_over_a_time()
    {
        var topic = await rocketmq.CreateTopicAsync();
        await using var cluster = await ConsumeAsync(topic);

        await rocketmq.SendAsync(topic, ["both"], message =>
        {
            message.DelayLevel = 1;
            message[MessageProperties.TimerDelaySeconds] = "3600";
        });
        await _recorder.UntilAsync(1);

        Assert.Null(_recorder.Deliveries[0].Message.GetProperty(MessageProperties.TimerDelaySeconds));
    }

    [Fact]
    public async Task A_timed_message_that_failed_comes_again_and_keeps_having_been_timed()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        await using var cluster = await TestCluster.ConsumeAsync(rocketmq.NameServer, _group, topic, _recorder.Then((messages, context) =>
        {
            context.DelayLevelWhenNextConsume = 1;
            return messages[0].ReconsumeTimes == 0 ? ConsumeResult.ReconsumeLater : ConsumeResult.Success;
        }));

        await rocketmq.SendAsync(topic, ["timed"], message => message.DeliverAfter = TimeSpan.FromSeconds(2));
        await _recorder.UntilAsync(2);

        Assert.Equal(_recorder.Deliveries[0].Message.DeliverTimestamp, _recorder.Deliveries[1].Message.DeliverTimestamp);
        Assert.NotNull(_recorder.Deliveries[1].Message.DeliverTimestamp);
    }

    /// <summary>Also one that had a time before: brokers hold nothing back that says it has waited already.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_failed_message_comes_again_at_the_time_its_listener_wants_and_with_all_it_had(bool wasTimed)
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        var wanted = new System.Collections.Concurrent.ConcurrentQueue<DateTimeOffset>();
        var after = TimeSpan.FromSeconds(3);
        await using var cluster = await TestCluster.ConsumeAsync(rocketmq.NameServer, _group, topic, _recorder.Then((messages, context) =>
        {
            if (messages[0].ReconsumeTimes < 2)
            {
                wanted.Enqueue(DateTimeOffset.UtcNow + after);
                context.RetryAfter(messages[0], after);
            }

            return ConsumeResult.Success;
        }));

        await rocketmq.SendAsync(topic, ["failing"], message =>
        {
            message.Keys = "k";
            message["colour"] = "red";
            message.DeliverAfter = wasTimed ? TimeSpan.FromSeconds(2) : null;
        });
        await _recorder.UntilAsync(3);

        Assert.Equal([0, 1, 2], _recorder.Deliveries.Select(delivery => delivery.Message.ReconsumeTimes));
        foreach (var (due, delivery) in wanted.Zip(_recorder.Deliveries.Skip(1)))
        {
            var message = delivery.Message;
            Assert.True(Time(message.StoreTimestamp) > due - Precision, $"due {due:O}, stored {Time(message.StoreTimestamp):O}");
            Assert.True(message.DeliverTimestamp >= due.ToUnixTimeMilliseconds(), $"due {due:O}, held to {Time(message.DeliverTimestamp ?? 0):O}");
            Assert.Null(message.GetProperty(MessageProperties.DelayTimeLevel));
            Assert.Equal((topic, "k", "red", "failing"), (message.Topic, message.Keys, message.GetProperty("colour"), delivery.Body));
        }

        Assert.Single(_recorder.Deliveries.Select(delivery => delivery.Message.MessageId).Distinct());
    }

    private static DateTimeOffset Time(long timestamp) => DateTimeOffset.FromUnixTimeMilliseconds(timestamp);

    private Task<TestCluster> ConsumeAsync(string topic) => TestCluster.ConsumeAsync(rocketmq.NameServer, _group, topic, _recorder.Succeed());
}
