using System.Globalization;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Testing;

namespace OrleansRocketMQ.Conformance;

[Collection(RocketMQCollection.Name)]
public class OrderlyConsumptionTests(RocketMQCluster rocketmq)
{
    private readonly string _group = RocketMQCluster.NewName("orderly");
    private readonly OrderlyRecorder _recorder = new();

    [Fact]
    public async Task Each_queue_is_consumed_in_order_though_messages_fail_on_the_way()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 4);
        await rocketmq.SendAsync(topic, Numbers(200));
        await using var cluster = await ConsumeAsync(topic, _recorder.Then((messages, context) =>
            messages[0].QueueOffset % 7 == 3 && context.ReconsumeTimes < 2 ? ConsumeOrderlyResult.SuspendCurrentQueue : ConsumeOrderlyResult.Success));

        await _recorder.UntilSucceededAsync(200);

        foreach (var queue in _recorder.Deliveries.GroupBy(delivery => delivery.Queue))
        {
            var expected = Enumerable.Range(0, 50).SelectMany(offset => offset % 7 == 3
                ? [(offset, 0), (offset, 1), (offset, 2)]
                : new[] { (offset, 0) });
            Assert.Equal(expected, queue.Select(delivery => ((int)delivery.Message.QueueOffset, delivery.ReconsumeTimes)));
        }

        await UntilCommittedAsync(topic, 200);
    }

    [Fact]
    public async Task A_queue_has_one_batch_at_a_time_while_queues_run_side_by_side()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 2);
        await rocketmq.SendAsync(topic, Numbers(60));
        var running = new System.Collections.Concurrent.ConcurrentDictionary<MessageQueue, int>();
        var together = new TaskCompletionSource();
        var overlaps = 0;
        await using var cluster = await ConsumeAsync(
            topic,
            async (messages, context, _) =>
            {
                overlaps += running.AddOrUpdate(context.Queue, 1, (_, calls) => calls + 1) > 1 ? 1 : 0;
                if (running.Values.Count(calls => calls > 0) == 2)
                {
                    together.TrySetResult();
                }

                // The first two calls wait for each other: they can only meet if the queues do not wait for one another.
                await together.Task.WaitAsync(Eventually.Deadline, CancellationToken.None);
                await Task.Delay(1, CancellationToken.None);
                running.AddOrUpdate(context.Queue, 0, (_, calls) => calls - 1);
                _recorder.Record(messages, context, ConsumeOrderlyResult.Success);
                return ConsumeOrderlyResult.Success;
            },
            options => options.ConsumeBatchSize = 4);

        await _recorder.UntilSucceededAsync(60);

        Assert.Equal(0, overlaps);
        Assert.All(_recorder.Deliveries, delivery => Assert.InRange(delivery.BatchSize, 1, 4));
        Assert.All(
            _recorder.Deliveries.GroupBy(delivery => delivery.Queue),
            queue => Assert.Equal(Enumerable.Range(0, 30).Select(offset => (long)offset), queue.Select(delivery => delivery.Message.QueueOffset)));
    }

    [Fact]
    public async Task An_exception_and_a_result_that_is_none_suspend_the_queue()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        await rocketmq.SendAsync(topic, Numbers(3));
        await using var cluster = await ConsumeAsync(topic, (messages, context, _) =>
        {
            var first = context.ReconsumeTimes == 0;
            _recorder.Record(messages, context, first ? ConsumeOrderlyResult.SuspendCurrentQueue : ConsumeOrderlyResult.Success);
            return (first, messages[0].QueueOffset) switch
            {
                (true, 0) => throw new InvalidOperationException("broken"),
                (true, _) => ValueTask.FromResult((ConsumeOrderlyResult)42),
                _ => ValueTask.FromResult(ConsumeOrderlyResult.Success),
            };
        });

        await _recorder.UntilSucceededAsync(3);

        Assert.Equal(["000", "000", "001", "001", "002", "002"], _recorder.Bodies);
        await UntilCommittedAsync(topic, 3);
    }

    [Fact]
    public async Task A_failed_batch_comes_again_as_it_was_before_anything_else()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        await rocketmq.SendAsync(topic, Numbers(12));
        await using var cluster = await ConsumeAsync(
            topic,
            _recorder.Then((messages, context) => messages[0].QueueOffset == 4 && context.ReconsumeTimes < 2 ? ConsumeOrderlyResult.SuspendCurrentQueue : ConsumeOrderlyResult.Success),
            options => options.ConsumeBatchSize = 4);

        await _recorder.UntilSucceededAsync(12);

        string[] failing = ["004", "005", "006", "007"];
        Assert.Equal([.. Numbers(4), .. failing, .. failing, .. failing, .. Numbers(12).Skip(8)], _recorder.Bodies);
    }

    [Fact]
    public async Task The_listener_says_how_long_its_queue_pauses()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        await rocketmq.SendAsync(topic, Numbers(1));
        var times = new List<DateTimeOffset>();
        await using var cluster = await ConsumeAsync(
            topic,
            _recorder.Then((_, context) =>
            {
                times.Add(TimeProvider.System.GetUtcNow());
                context.SuspendCurrentQueueTime = context.ReconsumeTimes == 0 ? TimeSpan.FromMilliseconds(700) : TimeSpan.Zero;
                return context.ReconsumeTimes < 2 ? ConsumeOrderlyResult.SuspendCurrentQueue : ConsumeOrderlyResult.Success;
            }),
            options => options.SuspendCurrentQueueTime = TimeSpan.FromSeconds(30));

        await _recorder.UntilSucceededAsync(1);

        Assert.InRange(times[1] - times[0], TimeSpan.FromMilliseconds(650), TimeSpan.FromSeconds(20));
        Assert.InRange(times[2] - times[1], TimeSpan.FromMilliseconds(5), TimeSpan.FromSeconds(20));
    }

    [Fact]
    public async Task With_auto_commit_commit_and_rollback_mean_success()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        await rocketmq.SendAsync(topic, Numbers(3));
        await using var cluster = await ConsumeAsync(topic, _recorder.Then((messages, _) => messages[0].QueueOffset switch
        {
            0 => ConsumeOrderlyResult.Commit,
            1 => ConsumeOrderlyResult.Rollback,
            _ => ConsumeOrderlyResult.Success,
        }));

        await UntilCommittedAsync(topic, 3);

        Assert.Equal(Numbers(3), _recorder.Bodies);
    }

    [Fact]
    public async Task Without_auto_commit_nothing_is_committed_until_the_listener_says_so()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        await rocketmq.SendAsync(topic, Numbers(5));
        await using (await ConsumeAsync(
            topic,
            _recorder.Then((messages, _) => messages[0].QueueOffset == 2 ? ConsumeOrderlyResult.Commit : ConsumeOrderlyResult.Success),
            options => options.AutoCommit = false))
        {
            await _recorder.UntilSucceededAsync(5);
            await UntilCommittedAsync(topic, 3);
        }

        Assert.Equal(3, await rocketmq.CommittedAsync(_group, topic));
        Assert.Equal(Numbers(5), _recorder.Bodies);
        await using var again = await ConsumeAsync(topic, _recorder.Then((_, _) => ConsumeOrderlyResult.Commit), options => options.AutoCommit = false);
        await UntilCommittedAsync(topic, 5);
        Assert.Equal([.. Numbers(5), "003", "004"], _recorder.Bodies);
    }

    [Fact]
    public async Task Without_auto_commit_a_rollback_brings_back_everything_not_committed()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        await rocketmq.SendAsync(topic, Numbers(6));
        var rolledBack = 0;
        await using var cluster = await ConsumeAsync(
            topic,
            _recorder.Then((messages, _) => messages[0].QueueOffset switch
            {
                1 or 5 => ConsumeOrderlyResult.Commit,
                4 when rolledBack++ == 0 => ConsumeOrderlyResult.Rollback,
                _ => ConsumeOrderlyResult.Success,
            }),
            options => options.AutoCommit = false);

        await UntilCommittedAsync(topic, 6);

        Assert.Equal(["000", "001", "002", "003", "004", "002", "003", "004", "005"], _recorder.Bodies);
        Assert.All(_recorder.Deliveries, delivery => Assert.Equal(0, delivery.ReconsumeTimes));
    }

    [Fact]
    public async Task Without_auto_commit_a_suspend_brings_back_its_batch_only()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        await rocketmq.SendAsync(topic, Numbers(4));
        await using var cluster = await ConsumeAsync(
            topic,
            _recorder.Then((messages, context) => messages[0].QueueOffset switch
            {
                2 when context.ReconsumeTimes < 2 => ConsumeOrderlyResult.SuspendCurrentQueue,
                3 => ConsumeOrderlyResult.Commit,
                _ => ConsumeOrderlyResult.Success,
            }),
            options => options.AutoCommit = false);

        await UntilCommittedAsync(topic, 4);

        Assert.Equal(["000", "001", "002", "002", "002", "003"], _recorder.Bodies);
    }

    [Fact]
    public async Task The_listener_may_switch_auto_commit_for_a_batch()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        await rocketmq.SendAsync(topic, Numbers(3));
        await using var cluster = await ConsumeAsync(
            topic,
            _recorder.Then((messages, context) =>
            {
                context.AutoCommit = messages[0].QueueOffset == 1;
                return ConsumeOrderlyResult.Success;
            }));

        await _recorder.UntilSucceededAsync(3);
        await UntilCommittedAsync(topic, 2);
        await cluster.DisposeAsync();

        Assert.Equal(2, await rocketmq.CommittedAsync(_group, topic));
    }

    [Fact]
    public async Task A_message_that_fails_too_often_goes_to_the_dead_letters_and_its_queue_goes_on()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        await rocketmq.SendAsync(topic, Numbers(5), message =>
        {
            message.Tags = "created";
            message.ShardingKey = "customer-7";
        });
        await using var cluster = await ConsumeAsync(
            topic,
            _recorder.Then((messages, _) => messages[0].QueueOffset == 2 ? ConsumeOrderlyResult.SuspendCurrentQueue : ConsumeOrderlyResult.Success),
            options => options.MaxReconsumeTimes = 3);

        await UntilCommittedAsync(topic, 5);

        Assert.Equal(["000", "001", "002", "002", "002", "002", "003", "004"], _recorder.Bodies);
        Assert.Equal([0, 1, 2, 3], _recorder.Deliveries.Where(delivery => delivery.Body == "002").Select(delivery => delivery.ReconsumeTimes));
        var original = _recorder.Deliveries.First(delivery => delivery.Body == "002").Message;
        IReadOnlyList<MessageExt> dead = [];
        await Eventually.TrueAsync(async () => (dead = await rocketmq.ReadAllAsync(SystemTopics.DeadLetter(_group))).Count > 0, "a dead letter");
        var letter = Assert.Single(dead);
        Assert.Equal("002", System.Text.Encoding.UTF8.GetString(letter.Body.Span));
        Assert.Equal(topic, letter.GetProperty(MessageProperties.RetryTopic));
        Assert.Equal(original.MessageId, letter.OriginMessageId);
        Assert.Equal(4, letter.ReconsumeTimes);
        Assert.Equal(("created", "customer-7"), (letter.Tags, letter.ShardingKey));
        Assert.Empty(await rocketmq.ReadAllAsync(SystemTopics.Retry(_group)));
    }

    [Fact]
    public async Task Parked_messages_let_other_keys_pass_and_keep_the_order_of_their_own()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        for (var number = 0; number < 30; number++)
        {
            await rocketmq.SendAsync(topic, [number.ToString("000", CultureInfo.InvariantCulture)], message => message.ShardingKey = $"key-{number % 3}");
        }

        var release = false;
        await using var cluster = await ConsumeAsync(
            topic,
            _recorder.Then((messages, _) => messages[0].QueueOffset == 4 && !Volatile.Read(ref release) ? ConsumeOrderlyResult.SuspendCurrentQueue : ConsumeOrderlyResult.Success),
            options =>
            {
                options.PoisonHandling = PoisonHandling.Park;
                options.MaxReconsumeTimes = int.MaxValue;
            });

        await _recorder.UntilSucceededAsync(21);
        Assert.Equal(Numbers(30).Where((_, number) => number % 3 != 1 || number < 4), _recorder.Succeeded);
        await UntilCommittedAsync(topic, 4);
        Volatile.Write(ref release, true);
        await UntilCommittedAsync(topic, 30);

        Assert.Equal(Numbers(30).Where((_, number) => number % 3 == 1), _recorder.Succeeded.Where((_, index) => index == 1 || index >= 21).Order());
        Assert.Equal(["001", .. _recorder.Succeeded.Skip(21)], Numbers(30).Where((_, number) => number % 3 == 1));
    }

    [Fact]
    public async Task Nothing_is_consumed_while_another_member_holds_the_lock_and_at_once_when_it_lets_go()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        await rocketmq.SendAsync(topic, Numbers(5));
        var queue = (await rocketmq.Client.Routes.GetAsync(topic)).ReadQueues[0];
        Assert.Equal([queue], await rocketmq.Client.Brokers.LockAsync(rocketmq.MasterOf(queue), _group, "another-member", [queue]));
        await using var cluster = await OrderlyCluster.BeginAsync(rocketmq.NameServer, _group, topic, _recorder.Succeed());
        await Eventually.TrueAsync(() => StateOf(cluster, queue) is { Orderly.IsLocked: false }, "the queue waits for its lock");
        await rocketmq.SendAsync(topic, ["late"]);

        Assert.Empty(_recorder.Deliveries);
        Assert.Equal(-1, StateOf(cluster, queue)!.NextPullOffset);

        // What the other one has done in the meantime counts.
        await rocketmq.Client.Brokers.UpdateConsumerOffsetAsync(rocketmq.MasterOf(queue), _group, queue, 2);
        await rocketmq.Client.Brokers.UnlockAsync(rocketmq.MasterOf(queue), _group, "another-member", [queue]);
        await _recorder.UntilSucceededAsync(4);

        Assert.Equal(["002", "003", "004", "late"], _recorder.Bodies);
    }

    [Fact]
    public async Task The_stop_gives_the_locks_back_at_once()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 3);
        var all = (await rocketmq.Client.Routes.GetAsync(topic)).ReadQueues;
        MessageQueue[] queues = [.. all.Where(queue => queue.BrokerName == all[0].BrokerName)];
        await using (await ConsumeAsync(topic, _recorder.Succeed()))
        {
            Assert.Empty(await rocketmq.Client.Brokers.LockAsync(rocketmq.MasterOf(queues[0]), _group, "another-member", queues));
        }

        Assert.Equal(queues.Order(), (await rocketmq.Client.Brokers.LockAsync(rocketmq.MasterOf(queues[0]), _group, "another-member", queues)).Order());
    }

    [Fact]
    public async Task A_queue_moves_to_a_new_silo_without_a_break_in_its_order()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 4);
        await using var cluster = await ConsumeAsync(
            topic,
            _recorder.Then((messages, context) => messages[0].QueueOffset % 10 == 5 && context.ReconsumeTimes == 0 ? ConsumeOrderlyResult.SuspendCurrentQueue : ConsumeOrderlyResult.Success));
        var sending = rocketmq.SendAsync(topic, Numbers(400));

        var second = await cluster.Silos.StartAdditionalSiloAsync();
        await Eventually.TrueAsync(
            () => cluster.StatusOf(_group).Select(status => status.Queues.Count(queue => queue.Queue.Topic == topic && queue.NextPullOffset >= 0)).SequenceEqual([2, 2]),
            "two queues for each silo");
        await sending;
        await _recorder.UntilSucceededAsync(400);
        await cluster.Silos.StopSiloAsync(second);
        await UntilCommittedAsync(topic, 400);

        // At least once, and never backwards: a message may come twice around a move, but none after a later one has succeeded.
        foreach (var queue in _recorder.Deliveries.GroupBy(delivery => delivery.Queue))
        {
            var succeeded = queue.Where(delivery => delivery.Result == ConsumeOrderlyResult.Success).Select(delivery => delivery.Message.QueueOffset).ToArray();
            // A broker that is busy for a moment has the producer turn to another queue, so that one may have more than its part.
            Assert.Equal(Enumerable.Range(0, succeeded.Distinct().Count()).Select(offset => (long)offset), succeeded.Distinct());
            Assert.Equal(succeeded.Order(), succeeded);
        }

        Assert.Equal(Numbers(400).Order(), _recorder.Deliveries.Select(delivery => delivery.Body).Distinct().Order());
    }

    private Task<TestCluster> ConsumeAsync(string topic, OrderlyScript script, Action<ConsumerOptions>? configure = null)
        => OrderlyCluster.ConsumeAsync(rocketmq.NameServer, _group, topic, script, configure);

    private Task UntilCommittedAsync(string topic, long offset)
    {
        var committed = -1L;
        return Eventually.TrueAsync(
            async () => (committed = await rocketmq.CommittedAsync(_group, topic)) == offset,
            () => $"{offset} committed; it is {committed}, and these came: {string.Join(" ", _recorder.Bodies)}");
    }

    private QueueStatus? StateOf(TestCluster cluster, MessageQueue queue)
        => cluster.StatusOf(_group).SelectMany(status => status.Queues).FirstOrDefault(status => status.Queue == queue);

    private static IEnumerable<string> Numbers(int count) => Enumerable.Range(0, count).Select(number => number.ToString("000", CultureInfo.InvariantCulture));
}
