using System.Text;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Testing;

namespace OrleansRocketMQ.Conformance;

/// <summary>
/// Groups in order, and in the order of keys, whose messages are popped: the broker keeps the order; see <see cref="KeyHistory"/> for
/// what it means.
/// </summary>
[Collection(RocketMQCollection.Name)]
public class OrderedPopTests(RocketMQCluster rocketmq)
{
    private static readonly string[] Keys = [.. Enumerable.Range(0, 20).Select(number => $"key-{number}")];

    private readonly string _group = RocketMQCluster.NewName("group");
    private readonly OrderlyRecorder _recorder = new();

    [Fact]
    public async Task Each_queue_is_consumed_in_order_though_messages_fail_on_the_way()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 4);
        await rocketmq.SendAsync(topic, Enumerable.Range(0, 200).Select(number => $"{number}"));
        await using var cluster = await OrderlyCluster.ConsumeAsync(
            rocketmq.NameServer,
            _group,
            topic,
            _recorder.Then((messages, context) =>
                messages[0].QueueOffset % 7 == 3 && context.ReconsumeTimes < 2 ? ConsumeOrderlyResult.SuspendCurrentQueue : ConsumeOrderlyResult.Success),
            Pops);

        await _recorder.UntilSucceededAsync(200);
        await UntilCommittedAsync(topic, 200);

        foreach (var queue in _recorder.Deliveries.GroupBy(delivery => delivery.Queue))
        {
            var expected = Enumerable.Range(0, queue.Select(delivery => delivery.Body).Distinct().Count()).SelectMany(offset => offset % 7 == 3
                ? [(offset, 0), (offset, 1), (offset, 2)]
                : new[] { (offset, 0) });
            Assert.Equal(expected, queue.Select(delivery => ((int)delivery.Message.QueueOffset, delivery.ReconsumeTimes)));
        }

        Assert.All(QueuesOf(cluster, topic), queue => Assert.True(queue.Popped!.IsInOrder));
    }

    [Fact]
    public async Task Each_keys_messages_come_in_order_on_two_silos_though_some_fail()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 4);
        var history = new KeyHistory();
        var failures = 0;
        await using var cluster = await ConsumeKeysAsync(
            topic, history.Script(fails: (_, message) => message.QueueOffset % 7 == 3 && Interlocked.Increment(ref failures) % 3 != 0), silos: 2);

        await KeyHistory.SendAsync(rocketmq.Producer, topic, Keys, first: 0, count: 10);
        await UntilCommittedAsync(topic, 200);

        Assert.Null(history.Violation);
        Assert.Equal((200, 0), (history.Succeeded, history.Repeats));
        Assert.Equal(4, QueuesOf(cluster, topic).Count(queue => queue.Popped!.IsInOrder));
    }

    [Fact]
    public async Task A_switch_of_the_mode_at_the_brokers_moves_a_group_over_and_back_and_each_key_stays_in_order()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 4);
        var history = new KeyHistory(repeatsAllowed: true);
        await using var cluster = await ConsumeKeysAsync(topic, history.Script(), silos: 2, pops: false);
        await SendAndConsumeAsync(0);

        await SetModeAsync(topic, MessageRequestMode.Pop);
        await UntilAsync(cluster, topic, isPopped: true);
        await SendAndConsumeAsync(5);
        await SetModeAsync(topic, MessageRequestMode.Pull);
        await UntilAsync(cluster, topic, isPopped: false);
        await SendAndConsumeAsync(10);

        Assert.Null(history.Violation);
        Assert.Equal(300, history.Succeeded);

        async Task SendAndConsumeAsync(int first)
        {
            await KeyHistory.SendAsync(rocketmq.Producer, topic, Keys, first, count: 5);
            await UntilCommittedAsync(topic, (first + 5) * Keys.Length);
        }
    }

    [Fact]
    public async Task A_message_that_fails_too_often_becomes_a_dead_letter_with_its_reason_and_its_key_goes_on()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        var recorder = new Recorder();
        await using var cluster = await ConsumeKeysAsync(
            topic,
            (_, messages, context, _) =>
            {
                recorder.Record(messages, context);
                return KeyHistory.NumberOf(messages[0]) == 1 ? throw new InvalidOperationException("it cannot be") : ValueTask.FromResult(ConsumeResult.Success);
            },
            configure: options => options.MaxReconsumeTimes = 2);

        await KeyHistory.SendAsync(rocketmq.Producer, topic, ["bad"], first: 0, count: 3);
        IReadOnlyList<MessageExt> dead = [];
        await Eventually.TrueAsync(async () => (dead = await rocketmq.ReadAllAsync(SystemTopics.DeadLetter(_group))).Count > 0, "a dead letter");
        await UntilCommittedAsync(topic, 3);

        Assert.Equal(["0", "1", "1", "1", "2"], recorder.Bodies);
        Assert.Equal("1", Encoding.UTF8.GetString(Assert.Single(dead).Body.Span));
        Assert.Equal("it cannot be", dead[0].GetProperty(MessageProperties.DeadLetterReason));
    }

    [Fact]
    public async Task A_message_that_takes_longer_than_its_invisible_time_comes_once_and_all_behind_it_wait()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        var history = new KeyHistory();
        await using var cluster = await ConsumeKeysAsync(
            topic,
            history.Script(work: () => history.Succeeded == 0 ? Task.Delay(TimeSpan.FromSeconds(8)) : Task.CompletedTask),
            configure: options => options.PopInvisibleTime = TimeSpan.FromSeconds(3));

        await KeyHistory.SendAsync(rocketmq.Producer, topic, ["slow"], first: 0, count: 40);
        await UntilCommittedAsync(topic, 40);

        Assert.Null(history.Violation);
        Assert.Equal((40, 0), (history.Succeeded, history.Repeats));
        Assert.All(QueuesOf(cluster, topic), queue => Assert.Equal((0, 0), (queue.Popped!.Lost, queue.Popped.Late)));
    }

    [Fact]
    public async Task After_a_stop_each_key_goes_on_where_it_was_and_after_a_seek_at_its_offset()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 2);
        var history = new KeyHistory(repeatsAllowed: true);
        for (var round = 0; round < 2; round++)
        {
            await using var cluster = await ConsumeKeysAsync(topic, history.Script());
            await KeyHistory.SendAsync(rocketmq.Producer, topic, Keys, first: round * 5, count: 5);
            await UntilCommittedAsync(topic, (round + 1) * 100);
        }

        Assert.Equal((200, 0), (history.Succeeded, history.Repeats));
        await using var again = await ConsumeKeysAsync(topic, history.Script());
        await again.Silos.Client.GetGrain<IConsumerGroupManagementGrain>(_group).SeekAsync(ConsumerScope.OfTopic(topic), SeekTarget.Begin);
        await Eventually.TrueAsync(() => history.Repeats == 200, () => $"all come again; {history.Repeats} have");
        await UntilCommittedAsync(topic, 200);

        Assert.Null(history.Violation);
    }

    private static void Pops(ConsumerOptions options) => options.ConsumeMode = ConsumeMode.Pop;

    private Task<TestCluster> ConsumeKeysAsync(
        string topic, KeyedScript script, short silos = 1, bool pops = true, Action<ConsumerOptions>? configure = null)
        => ScriptedKeyedListener.ConsumeAsync(
            rocketmq.NameServer,
            _group,
            topic,
            script,
            consumer => consumer.Configure(options =>
            {
                options.ConsumeMode = pops ? ConsumeMode.Pop : ConsumeMode.AsBroker;
                configure?.Invoke(options);
            }),
            silos);

    private IEnumerable<QueueStatus> QueuesOf(TestCluster cluster, string topic)
        => cluster.StatusOf(_group).SelectMany(silo => silo.Queues).Where(queue => queue.Queue.Topic == topic);

    private async Task SetModeAsync(string topic, MessageRequestMode mode)
    {
        foreach (var master in await rocketmq.MastersOfAsync(topic))
        {
            await rocketmq.Client.Brokers.SetMessageRequestModeAsync(master, topic, _group, mode);
        }
    }

    private Task UntilAsync(TestCluster cluster, string topic, bool isPopped) => Eventually.TrueAsync(
        () => QueuesOf(cluster, topic).Count(queue => queue.Popped is not null == isPopped && queue.LastPulledAt is not null) == 4,
        () => $"four queues are {(isPopped ? "popped" : "pulled")}");

    private Task UntilCommittedAsync(string topic, long offset)
    {
        var committed = -1L;
        return Eventually.TrueAsync(
            async () => (committed = await rocketmq.CommittedAsync(_group, topic)) == offset, () => $"{offset} committed; it is {committed}");
    }
}
