using System.Text;
using OrleansRocketMQ.Testing;

namespace OrleansRocketMQ.Conformance;

[Collection(RocketMQCollection.Name)]
public sealed class MessageTraceTests(RocketMQCluster rocketmq)
{
    private readonly string _group = RocketMQCluster.NewName("group");
    private readonly Recorder _recorder = new();

    [Fact]
    public async Task The_trace_tells_which_messages_a_group_got_and_how_the_listener_ended()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        var traceTopic = await rocketmq.CreateTopicAsync(queues: 1);
        await using (await TestCluster.ConsumeAsync(
            rocketmq.NameServer,
            _group,
            topic,
            (messages, context, _) =>
            {
                _recorder.Record(messages, context);
                return messages[0].Keys switch
                {
                    "later" => ValueTask.FromResult(ConsumeResult.ReconsumeLater),
                    "throws" => throw new InvalidOperationException("on purpose"),
                    _ => ValueTask.FromResult(ConsumeResult.Success),
                };
            },
            consumer => consumer.Configure(options => (options.MessageTrace, options.MessageTraceTopic, options.MaxReconsumeTimes) = (true, traceTopic, 0))))
        {
            await rocketmq.SendAsync(topic, ["a"], message => message.Keys = "fine");
            await rocketmq.SendAsync(topic, ["b"], message => message.Keys = "later");
            await rocketmq.SendAsync(topic, ["c"], message => message.Keys = "throws");
            await _recorder.UntilAsync(3);
        }

        // The silo has stopped, so all of it is sent.
        var sent = await rocketmq.ReadAllAsync(traceTopic);
        var records = sent.SelectMany(message => Encoding.UTF8.GetString(message.Body.Span).Split('\u0002', StringSplitOptions.RemoveEmptyEntries))
            .Select(record => record.Split('\u0001')).ToArray();
        foreach (var (key, success, code) in new[] { ("fine", "true", "0"), ("later", "false", "4"), ("throws", "false", "2") })
        {
            var message = _recorder.Deliveries.First(delivery => delivery.Message.Keys == key).Message;
            var before = Assert.Single(records, record => record[0] == "SubBefore" && record[5] == message.MessageId);
            var after = Assert.Single(records, record => record[0] == "SubAfter" && record[2] == message.MessageId);
            Assert.Equal((message.GetProperty(MessageProperties.MessageRegion), _group, "0", key), (before[2], before[3], before[6], before[7]));
            Assert.Equal((before[4], success, key, code, _group), (after[1], after[4], after[5], after[6], after[8]));
            Assert.Contains(sent, one => one.Keys!.Split(' ').Contains(message.MessageId) && one.Keys.Split(' ').Contains(key));
        }
    }
}
