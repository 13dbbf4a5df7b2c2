using Microsoft.Extensions.DependencyInjection;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Dispatch.Keyed;

/// <summary>What keys that fail do to others, to the queue and to its stop.</summary>
public sealed class KeyOrderedTests
{
    [Fact]
    public async Task A_failing_key_waits_with_growing_pauses_and_is_seen_in_the_status_while_others_go_on()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        var history = new KeyHistory();
        var times = new List<long>();
        var healed = false;
        await using var cluster = await ConsumeAsync(
            rocketmq,
            history.Script(fails: (key, _) =>
            {
                if (key != "bad" || Volatile.Read(ref healed))
                {
                    return false;
                }

                lock (times)
                {
                    times.Add(TimeProvider.System.GetTimestamp());
                }

                return true;
            }),
            options => (options.KeyRetryBackoff, options.MaxKeyRetryBackoff, options.MaxReconsumeTimes) = (TimeSpan.FromMilliseconds(40), TimeSpan.FromMilliseconds(640), 1000));

        await KeyHistory.SendAsync(rocketmq.Producer, TestRocketMQ.Topic, ["bad"], 0, 3);
        await KeyHistory.SendAsync(rocketmq.Producer, TestRocketMQ.Topic, ["good", "better"], 0, 20);

        await Eventually.TrueAsync(() => history.Succeeded == 40 && Count(times) >= 6, "the other keys are through, the bad one was tried six times");
        var status = Queue(cluster, rocketmq).Keys!;
        Assert.Equal((1, 3, "bad"), (status.BlockedKeys, status.BlockedMessages, status.BlockedKey));
        Assert.InRange(status.Failures, 5, 1000);
        Assert.NotEmpty(status.LastError);
        Assert.Equal(0, rocketmq.Committed());

        Volatile.Write(ref healed, true);
        await rocketmq.UntilCommittedAsync(43);
        Assert.Null(history.Violation);
        Assert.Equal(0, Queue(cluster, rocketmq).Keys!.BlockedKeys);
        lock (times)
        {
            // At least half of 40, 80, 160, 320 and 640 ms.
            var waits = times.Zip(times.Skip(1), TimeProvider.System.GetElapsedTime).Select(wait => wait.TotalMilliseconds).Take(5).ToList();
            Assert.All(waits.Zip([20, 40, 80, 160, 320]), pair => Assert.True(pair.First >= pair.Second - 2, $"waited {string.Join(", ", waits)}"));
        }
    }

    [Fact]
    public async Task A_message_that_failed_too_often_is_a_dead_letter_and_its_key_goes_on()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        var seen = new Recorder();
        var times = new List<int>();
        await using var cluster = await ConsumeAsync(
            rocketmq,
            (_, messages, context, _) =>
            {
                if (TestRocketMQ.Text(messages[0]) == "1")
                {
                    lock (times)
                    {
                        times.Add(context.ReconsumeTimes);
                    }

                    throw new InvalidOperationException("the listener broke");
                }

                seen.Record(messages, context);
                return ValueTask.FromResult(ConsumeResult.Success);
            },
            options => options.MaxReconsumeTimes = 2);

        await rocketmq.SendAsync(3, prepare: message => message.ShardingKey = "k");
        await rocketmq.UntilCommittedAsync(3);

        Assert.Equal(["0", "2"], seen.Bodies);
        Assert.Equal([0, 1, 2], times);
        var dead = Assert.Single(rocketmq.Broker.Messages(SystemTopics.DeadLetter(rocketmq.MyGroup)));
        Assert.Equal("1", TestRocketMQ.Text(dead));
        Assert.Equal("k", dead.ShardingKey);
        Assert.Empty(rocketmq.Broker.Messages(rocketmq.RetryTopic));
    }

    [Fact]
    public async Task A_message_the_listener_gives_up_on_is_a_dead_letter_at_once()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        var calls = 0;
        await using var cluster = await ConsumeAsync(rocketmq, (_, _, context, _) =>
        {
            context.DelayLevelWhenNextConsume = ConsumeContext.ToDeadLetters;
            return ValueTask.FromResult(Interlocked.Increment(ref calls) == 1 ? ConsumeResult.ReconsumeLater : ConsumeResult.Success);
        });

        await rocketmq.SendAsync(2, prepare: message => message.ShardingKey = "k");
        await rocketmq.UntilCommittedAsync(2);

        Assert.Equal(2, calls);
        Assert.Single(rocketmq.Broker.Messages(SystemTopics.DeadLetter(rocketmq.MyGroup)));
    }

    [Fact]
    public async Task A_dead_letter_the_broker_does_not_take_stays_in_front_of_its_key()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        using var refusing = rocketmq.Faults.Inject(Fault.Answer(ResponseCodes.SystemError) with
        {
            When = target => target.Request.Code == RequestCodes.ConsumerSendMessageBack || target.Request["b"] == rocketmq.RetryTopic,
        });
        var history = new KeyHistory();
        var failures = 0;
        await using var cluster = await ConsumeAsync(
            rocketmq,
            history.Script(fails: (_, message) => KeyHistory.NumberOf(message) == 0 && Interlocked.Increment(ref failures) <= 3),
            options => options.MaxReconsumeTimes = 0);

        await KeyHistory.SendAsync(rocketmq.Producer, TestRocketMQ.Topic, ["k"], 0, 3);
        await rocketmq.UntilCommittedAsync(3);

        // Three times it failed too often and was refused; then it succeeded, before all behind it.
        Assert.Null(history.Violation);
        Assert.Equal(3, history.Succeeded);
        Assert.Equal(0, rocketmq.Broker.QueueCount(SystemTopics.DeadLetter(rocketmq.MyGroup)));
        Assert.Equal(0, rocketmq.Broker.QueueCount(rocketmq.RetryTopic) == 0 ? 0 : rocketmq.Broker.Messages(rocketmq.RetryTopic).Count);
    }

    [Fact]
    public async Task Of_a_batch_that_fails_only_the_bad_message_becomes_a_dead_letter()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.SendAsync(12, prepare: message => message.ShardingKey = "k");
        var sizes = new List<int>();
        await using var cluster = await ConsumeAsync(
            rocketmq,
            (_, messages, context, _) =>
            {
                lock (sizes)
                {
                    sizes.Add(messages.Count);
                }

                if (messages.Any(message => TestRocketMQ.Text(message) == "5"))
                {
                    throw new InvalidOperationException("the batch broke");
                }

                rocketmq.Recorder.Record(messages, context);
                return ValueTask.FromResult(ConsumeResult.Success);
            },
            options => (options.ConsumeBatchSize, options.MaxReconsumeTimes) = (4, 2));

        await rocketmq.UntilCommittedAsync(12);

        Assert.Equal(Enumerable.Range(0, 12).Where(number => number != 5).Select(number => $"{number}"), rocketmq.Recorder.Bodies);
        Assert.Equal("5", TestRocketMQ.Text(Assert.Single(rocketmq.Broker.Messages(SystemTopics.DeadLetter(rocketmq.MyGroup)))));
        Assert.Equal(4, sizes.Max());
    }

    [Fact]
    public async Task A_waiting_key_with_more_messages_than_the_queue_may_hold_stops_the_queue_only_until_it_goes_on()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        var history = new KeyHistory();
        var healed = false;
        await using var cluster = await ConsumeAsync(
            rocketmq,
            history.Script(fails: (key, _) => key == "bad" && !Volatile.Read(ref healed)),
            options => (options.PullThresholdForQueue, options.PullBatchSize, options.MaxReconsumeTimes) = (20, 8, 100_000));

        await KeyHistory.SendAsync(rocketmq.Producer, TestRocketMQ.Topic, ["bad"], 0, 60);
        await KeyHistory.SendAsync(rocketmq.Producer, TestRocketMQ.Topic, ["good"], 0, 5);
        await Eventually.TrueAsync(() => Queue(cluster, rocketmq).CachedMessages >= 20, "the queue is full");
        Assert.InRange(Queue(cluster, rocketmq).CachedMessages, 20, 27);
        Assert.Equal(0, history.Succeeded);

        Volatile.Write(ref healed, true);
        await rocketmq.UntilCommittedAsync(65);
        Assert.Null(history.Violation);
    }

    [Fact]
    public async Task A_stop_does_not_wait_for_keys_that_wait_and_the_next_start_goes_on_where_each_key_was()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        var first = new KeyHistory();
        await using (await ConsumeAsync(
            rocketmq,
            first.Script(fails: (key, message) => key == "bad" && KeyHistory.NumberOf(message) == 2),
            options => (options.KeyRetryBackoff, options.MaxKeyRetryBackoff) = (TimeSpan.FromMinutes(10), TimeSpan.FromMinutes(10))))
        {
            await KeyHistory.SendAsync(rocketmq.Producer, TestRocketMQ.Topic, ["bad"], 0, 5);
            await KeyHistory.SendAsync(rocketmq.Producer, TestRocketMQ.Topic, ["good"], 0, 5);
            await Eventually.TrueAsync(() => first.Succeeded == 7, "all but the messages of the bad key");
        }

        Assert.Equal(2, rocketmq.Committed());
        var second = new KeyHistory(repeatsAllowed: true);
        second.Succeed("bad", 0);
        second.Succeed("bad", 1);
        await using var again = await ConsumeAsync(rocketmq, second.Script());
        await rocketmq.UntilCommittedAsync(10);
        Assert.Null(second.Violation);
        Assert.Null(first.Violation);
        Assert.Equal(2 + 3 + 5, second.Succeeded);
    }

    [Fact]
    public async Task When_the_broker_moves_the_offset_a_key_that_waits_is_not_waited_for()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        var good = new TaskCompletionSource();
        var calls = 0;
        await using var cluster = await ConsumeAsync(
            rocketmq,
            (key, _, _, _) =>
            {
                Interlocked.Increment(ref calls);
                if (key == "good")
                {
                    good.TrySetResult();
                }

                return ValueTask.FromResult(key == "good" ? ConsumeResult.Success : ConsumeResult.ReconsumeLater);
            },
            options => (options.KeyRetryBackoff, options.MaxKeyRetryBackoff, options.PullSuspendTimeout) = (TimeSpan.FromMinutes(10), TimeSpan.FromMinutes(10), TimeSpan.FromMilliseconds(200)));
        await KeyHistory.SendAsync(rocketmq.Producer, TestRocketMQ.Topic, ["bad"], 0, 4);
        await Eventually.TrueAsync(() => Queue(cluster, rocketmq).Keys is { BlockedKeys: 1, BlockedMessages: 4 }, "the key waits");

        var reset = RemotingCommand.Request(RequestCodes.InvokeBrokerToResetOffset)
            .Set("topic", TestRocketMQ.Topic).Set("group", rocketmq.MyGroup).Set("timestamp", 0L).Set("isForce", true).Set("queueId", 0).Set("offset", 4L);
        await rocketmq.Client.Brokers.InvokeAsync(rocketmq.Broker.Address, reset);
        await KeyHistory.SendAsync(rocketmq.Producer, TestRocketMQ.Topic, ["good"], 0, 3);

        await good.Task.WaitAsync(Eventually.Deadline);
        await rocketmq.UntilCommittedAsync(7);
        Assert.Equal(0, Queue(cluster, rocketmq).Keys!.BlockedKeys);
        Assert.Equal(4, calls);
    }

    [Fact]
    public async Task Messages_without_a_key_run_at_once_and_go_back_to_the_broker_when_they_fail()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        var (running, peak) = (0, 0);
        var full = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await rocketmq.SendAsync(30);
        await using var cluster = await ConsumeAsync(
            rocketmq,
            async (_, messages, context, _) =>
            {
                if (Interlocked.Increment(ref running) >= 4)
                {
                    Volatile.Write(ref peak, Volatile.Read(ref running));
                    full.TrySetResult();
                }

                await full.Task;
                Interlocked.Decrement(ref running);
                rocketmq.Recorder.Record(messages, context);
                return TestRocketMQ.Text(messages[0]) == "3" && messages[0].ReconsumeTimes == 0 ? ConsumeResult.ReconsumeLater : ConsumeResult.Success;
            },
            options => (options.ConsumeThreadMin, options.ConsumeThreadMax) = (4, 4));

        await rocketmq.Recorder.UntilAsync(31);
        await rocketmq.UntilCommittedAsync(30);

        Assert.Equal(4, peak);
        Assert.Equal(["0", "1"], rocketmq.Recorder.Deliveries.Where(delivery => delivery.Body == "3").Select(delivery => $"{delivery.Message.ReconsumeTimes}"));
        Assert.Equal(rocketmq.RetryTopic, rocketmq.Recorder.Deliveries.Last(delivery => delivery.Body == "3").Queue.Topic);
    }

    [Fact]
    public async Task The_groups_key_selector_names_the_grain()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        var keys = new System.Collections.Concurrent.ConcurrentDictionary<string, string>();
        await using var cluster = await ConsumeAsync(
            rocketmq,
            (key, messages, _, _) =>
            {
                keys[TestRocketMQ.Text(messages[0])] = key;
                return ValueTask.FromResult(ConsumeResult.Success);
            },
            options => options.KeySelector = message => message.Keys == "none" ? throw new InvalidOperationException("no key") : message.Keys);

        await rocketmq.SendAsync(1, first: 0, prepare: message => (message.Keys, message.ShardingKey) = ("order-7", "ignored"));
        await rocketmq.SendAsync(1, first: 1, prepare: message => message.Keys = "none");
        await rocketmq.UntilCommittedAsync(2);

        Assert.Equal("order-7", keys["0"]);
        Assert.Contains("/", keys["1"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_late_call_of_the_old_owner_ends_before_the_new_owner_gives_the_key_to_the_listener()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        var history = new KeyHistory(repeatsAllowed: true);
        var began = new TaskCompletionSource();
        var abandoned = new TaskCompletionSource();
        var release = new TaskCompletionSource();
        var second = new TaskCompletionSource();
        var calls = 0;
        await using var cluster = await ConsumeAsync(
            rocketmq,
            async (key, messages, _, cancellationToken) =>
            {
                history.Begin(key, messages);
                if (Interlocked.Increment(ref calls) > 1)
                {
                    second.TrySetResult();
                }
                else
                {
                    began.SetResult();
                    cancellationToken.Register(() => abandoned.TrySetResult());
                    await release.Task;
                }

                history.End(key, messages, messages.Count);
                return ConsumeResult.Success;
            },
            silos: 1,
            setUp: options => options.ShutdownTimeout = TimeSpan.FromMilliseconds(200));
        await KeyHistory.SendAsync(rocketmq.Producer, TestRocketMQ.Topic, ["k"], 0, 3);
        await began.Task;

        // The queue leaves while its listener is stuck; the grain stays where it is, and works on.
        var consumer = cluster.Silos.GetSiloServiceProvider(cluster.Silos.Silos[0].SiloAddress).GetRequiredService<ConsumerRegistry>().Find(rocketmq.MyGroup)!;
        var pump = consumer.Pumps.Values.Single(running => running.Queue.Topic == TestRocketMQ.Topic);
        var leaving = consumer.ReleaseQueueAsync(pump, TimeSpan.FromMilliseconds(200));
        await abandoned.Task;
        await leaving;
        await Eventually.TrueAsync(() => consumer.Pumps.Values.Any(running => running.Queue.Topic == TestRocketMQ.Topic && !ReferenceEquals(running, pump) && running.Runs.Window.Count > 0), "the queue has begun anew");

        // Longer than a listener gets whose silo stops.
        await Task.WhenAny(second.Task, Task.Delay(TimeSpan.FromSeconds(2.5)));
        Assert.Equal(1, Volatile.Read(ref calls));

        release.SetResult();
        await Eventually.TrueAsync(() => history.Succeeded == 3, "all three");
        await rocketmq.UntilCommittedAsync(3);
        Assert.Null(history.Violation);
    }

    internal static Task<TestCluster> ConsumeAsync(
        TestRocketMQ rocketmq, KeyedScript script, Action<ConsumerOptions>? configure = null, short silos = 1, Action<RocketMQOptions>? setUp = null)
        => ScriptedKeyedListener.ConsumeAsync(
            rocketmq.Embedded.NameServerAddress,
            rocketmq.MyGroup,
            TestRocketMQ.Topic,
            script,
            consumer => consumer.Configure(options =>
            {
                options.PersistInterval = TimeSpan.FromMilliseconds(20);
                options.RetryInterval = TimeSpan.FromMilliseconds(100);
                configure?.Invoke(options);
            }),
            silos,
            builder => DeclaredListeners.HideIn(builder.Configure(setUp ?? (_ => { })).Services));

    private static QueueStatus Queue(TestCluster cluster, TestRocketMQ rocketmq)
        => cluster.StatusOf(rocketmq.MyGroup)[0].Queues.Single(queue => queue.Queue.Topic == TestRocketMQ.Topic);

    private static int Count(List<long> times)
    {
        lock (times)
        {
            return times.Count;
        }
    }
}
