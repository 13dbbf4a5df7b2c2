using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Testing;

namespace OrleansRocketMQ.Conformance;

/// <summary>What a user of key-ordered listeners sees; see <see cref="KeyHistory"/> for what order means.</summary>
[Collection(RocketMQCollection.Name)]
public sealed class KeyOrderedConsumptionTests(RocketMQCluster rocketmq)
{
    private readonly string _group = RocketMQCluster.NewName("group");

    [Fact]
    public async Task Each_keys_messages_come_in_order_to_the_keys_grain_on_two_silos_though_some_fail()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 4);
        var history = new KeyHistory();
        var failures = 0;
        var keys = Enumerable.Range(0, 50).Select(number => $"key-{number}").ToArray();
        await using var cluster = await ScriptedKeyedListener.ConsumeAsync(
            rocketmq.NameServer,
            _group,
            topic,
            history.Script(fails: (_, message) => message.QueueOffset % 7 == 3 && Interlocked.Increment(ref failures) % 3 != 0),
            silos: 2);

        await KeyHistory.SendAsync(rocketmq.Producer, topic, keys, first: 0, count: 10);

        await Eventually.TrueAsync(() => history.Succeeded == 500 || history.Violation is not null, () => $"500 successes; there are {history.Succeeded}");
        Assert.Null(history.Violation);
        Assert.Equal(0, history.Repeats);
        Assert.True(failures > 10);
        await Eventually.TrueAsync(
            () => cluster.StatusOf(_group).Sum(status => status.Queues.Where(queue => queue.Queue.Topic == topic).Sum(queue => queue.Watermark)) == 500, "the watermarks tell of all");
    }

    [Fact]
    public async Task A_message_that_fails_too_often_becomes_a_dead_letter_and_its_key_and_all_others_go_on()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        var recorder = new Recorder();
        await using var cluster = await ScriptedKeyedListener.ConsumeAsync(
            rocketmq.NameServer,
            _group,
            topic,
            (key, messages, context, _) =>
            {
                recorder.Record(messages, context);
                return ValueTask.FromResult(key == "bad" && KeyHistory.NumberOf(messages[0]) == 1 ? ConsumeResult.ReconsumeLater : ConsumeResult.Success);
            },
            consumer => consumer.Options.MaxReconsumeTimes = 2);

        await KeyHistory.SendAsync(rocketmq.Producer, topic, ["bad"], first: 0, count: 3);
        await KeyHistory.SendAsync(rocketmq.Producer, topic, ["good"], first: 0, count: 3);

        IReadOnlyList<MessageExt> dead = [];
        await Eventually.TrueAsync(async () => (dead = await rocketmq.ReadAllAsync(SystemTopics.DeadLetter(_group))).Count > 0, "a dead letter");
        await recorder.UntilAsync(5 + 3);

        Assert.Equal(("1", "bad"), (System.Text.Encoding.UTF8.GetString(Assert.Single(dead).Body.Span), dead[0].ShardingKey));
        Assert.Equal(["0", "1", "1", "1", "2"], Bodies("bad"));
        Assert.Equal(["0", "1", "2"], Bodies("good"));

        IEnumerable<string> Bodies(string key) => recorder.Deliveries.Where(delivery => delivery.Message.ShardingKey == key).Select(delivery => delivery.Body);
    }

    [Fact]
    public async Task After_a_stop_each_key_goes_on_where_it_was()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 2);
        var history = new KeyHistory();
        var keys = Enumerable.Range(0, 20).Select(number => $"key-{number}").ToArray();
        for (var round = 0; round < 2; round++)
        {
            await using var cluster = await ScriptedKeyedListener.ConsumeAsync(rocketmq.NameServer, _group, topic, history.Script());
            await KeyHistory.SendAsync(rocketmq.Producer, topic, keys, first: round * 5, count: 5);
            await Eventually.TrueAsync(() => history.Succeeded == (round + 1) * 100, () => $"{(round + 1) * 100} successes; there are {history.Succeeded}");
        }

        Assert.Null(history.Violation);
        Assert.Equal(0, history.Repeats);
        Assert.Equal(200, await rocketmq.CommittedAsync(_group, topic));
    }
}
