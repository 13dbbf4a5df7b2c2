using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Group;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Telemetry;
using OrleansRocketMQ.Tests.Infrastructure;
using OrleansRocketMQ.Tests.Orderly;

namespace OrleansRocketMQ.Tests.Telemetry;

public sealed class MetricsTests
{
    private const string Error = MessagingAttributes.ErrorType;

    [Fact]
    public async Task What_was_consumed_and_how_long_it_took_is_told_by_group_and_topic()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await using var cluster = await rocketmq.ConsumeAsync();
        using var probe = MetricsProbe.On(cluster);

        await rocketmq.SendAsync(40);
        await rocketmq.UntilAllCameAsync(40);
        await probe.UntilAsync(RocketMQMetrics.Consumed, 40, (Error, null));

        var consumed = probe.Of(RocketMQMetrics.Consumed);
        Assert.All(consumed, measured => Assert.Equal(
            new Dictionary<string, object?>
            {
                ["messaging.system"] = "rocketmq",
                ["messaging.operation.name"] = "process",
                ["messaging.consumer.group.name"] = rocketmq.MyGroup,
                ["messaging.destination.name"] = TestRocketMQ.Topic,
            },
            measured.Tags));
        // One for each call of the listener: batches are of one message.
        await Eventually.TrueAsync(() => probe.Of(RocketMQMetrics.ProcessDuration).Count == 40, "40 calls are timed");
        Assert.All(probe.Of(RocketMQMetrics.ProcessDuration), measured => Assert.InRange(measured.Value, 0, 10));
        Assert.NotEmpty(probe.Of(RocketMQMetrics.PullDuration));
        Assert.All(probe.Of(RocketMQMetrics.PullDuration), measured => Assert.InRange(measured.Value, 0, 60));
    }

    [Fact]
    public async Task Failures_are_told_by_their_kind_and_come_again_until_they_are_dead()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await rocketmq.ConsumeAsync(
            rocketmq.Recorder.Then((messages, _) => TestRocketMQ.Text(messages[0]) switch
            {
                "1" => throw new InvalidDataException("bad"),
                "2" => ConsumeResult.ReconsumeLater,
                _ => ConsumeResult.Success,
            }),
            options => options.MaxReconsumeTimes = 2);
        using var probe = MetricsProbe.On(cluster);

        await rocketmq.SendAsync(4);

        // Each of the two fails three times: it comes again twice, then it is dead.
        await probe.UntilAsync(RocketMQMetrics.DeadLetters, 2);
        await probe.UntilAsync(RocketMQMetrics.Consumed, 3, (Error, typeof(InvalidDataException).FullName));
        await probe.UntilAsync(RocketMQMetrics.Consumed, 3, (Error, ErrorTypes.ReconsumeLater));
        await probe.UntilAsync(RocketMQMetrics.Consumed, 2, (Error, null));
        Assert.Equal(4, probe.Sum(RocketMQMetrics.Retries));
        Assert.Equal(2, probe.Sum(RocketMQMetrics.Retries, (MessagingAttributes.Destination, TestRocketMQ.Topic)));
        Assert.Equal(2, probe.Sum(RocketMQMetrics.Retries, (MessagingAttributes.Destination, rocketmq.RetryTopic)));
        Assert.Equal(3, probe.Of(RocketMQMetrics.ProcessDuration).Count(measured => Equals(measured.Tags.GetValueOrDefault(Error), typeof(InvalidDataException).FullName)));
    }

    [Fact]
    public async Task A_listener_that_takes_too_long_fails_by_timeout()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await rocketmq.ConsumeAsync(
            async (messages, context, cancellationToken) =>
            {
                rocketmq.Recorder.Record(messages, context);
                if (messages[0].ReconsumeTimes == 0)
                {
                    await Task.Delay(Timeout.Infinite, cancellationToken).ContinueWith(_ => { }, TaskScheduler.Default);
                }

                return ConsumeResult.Success;
            },
            options => options.ConsumeTimeout = TimeSpan.FromMilliseconds(200));
        using var probe = MetricsProbe.On(cluster);

        await rocketmq.SendAsync(1);

        await probe.UntilAsync(RocketMQMetrics.Consumed, 1, (Error, ErrorTypes.Timeout));
        await probe.UntilAsync(RocketMQMetrics.Consumed, 1, (Error, null));
        Assert.Contains(probe.Of(RocketMQMetrics.ProcessDuration), measured => Equals(measured.Tags.GetValueOrDefault(Error), ErrorTypes.Timeout) && measured.Value >= 0.15);
    }

    [Fact]
    public async Task Levels_are_told_for_each_queue_that_runs_here()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 2);
        var gate = new TaskCompletionSource();
        await using var cluster = await rocketmq.ConsumeAsync(async (messages, context, _) =>
        {
            rocketmq.Recorder.Record(messages, context);
            await gate.Task;
            return ConsumeResult.Success;
        });
        using var probe = MetricsProbe.On(cluster);
        (string, object?) ofTopic = (MessagingAttributes.Destination, TestRocketMQ.Topic);

        await rocketmq.SendAsync(6);
        await rocketmq.UntilAllCameAsync(6);

        await probe.UntilAsync(RocketMQMetrics.InFlight, 6, ofTopic);
        await probe.UntilAsync(RocketMQMetrics.Lag, 6, ofTopic);
        await probe.UntilAsync(RocketMQMetrics.CachedMessages, 6, ofTopic);
        Assert.Equal(6, probe.Sum(RocketMQMetrics.CachedBytes, ofTopic));
        var lags = probe.Of(RocketMQMetrics.Lag).Where(measured => Equals(measured.Tags[MessagingAttributes.Destination], TestRocketMQ.Topic)).ToArray();
        Assert.Equal(
            new[] { 0, 1 }.Select(queue => MessagingAttributes.PartitionOf(new(TestRocketMQ.Topic, rocketmq.Broker.Name, queue))),
            lags.Select(measured => (string)measured.Tags[MessagingAttributes.Partition]!).Order());
        Assert.All(lags, measured => Assert.Equal(3, measured.Value));

        gate.SetResult();
        foreach (var level in new[] { RocketMQMetrics.Lag, RocketMQMetrics.InFlight, RocketMQMetrics.CachedMessages, RocketMQMetrics.CachedBytes })
        {
            await probe.UntilAsync(level, 0);
            // Of the topic's queues and the one of its retry topic: told, and none.
            await Eventually.TrueAsync(() => probe.Of(level).Count == 3, $"three queues tell {level}");
        }
    }

    [Fact]
    public async Task A_queue_that_moves_tells_how_long_it_stood_still()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 4);
        await using var cluster = await rocketmq.ConsumeAsync(silos: 2);
        using var probe = MetricsProbe.On(cluster);
        await rocketmq.SendAsync(20);
        await rocketmq.UntilAllCameAsync(20);
        // A start of the cluster may have moved queues as well.
        var before = probe.Of(RocketMQMetrics.HandOverPause).Count;
        var moving = cluster.StatusOf(rocketmq.MyGroup).Select(status => status.Queues.Count).ToArray();
        Assert.All(moving, count => Assert.NotEqual(0, count));

        await cluster.Consumer(rocketmq.MyGroup, silo: 1).StopAsync();
        await rocketmq.SendAsync(20, first: 20);
        await rocketmq.UntilAllCameAsync(40);

        await Eventually.TrueAsync(() => probe.Of(RocketMQMetrics.HandOverPause).Count >= before + moving[1], "each queue that moved has told its pause");
        Assert.All(probe.Of(RocketMQMetrics.HandOverPause), pause => Assert.InRange(pause.Value, 0, 30));
        Assert.Contains(probe.Of(RocketMQMetrics.HandOverPause).Skip(before), pause => pause.Value > 0);
        Assert.NotEqual(0, probe.Sum(RocketMQMetrics.Rebalances, (MessagingAttributes.ConsumerGroup, rocketmq.MyGroup)));
    }

    [Fact]
    public async Task Commits_that_fail_are_told()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await rocketmq.ConsumeAsync();
        using var probe = MetricsProbe.On(cluster);
        await rocketmq.SendAsync(1);
        await rocketmq.UntilCommittedAsync(1);
        Assert.Equal(0, probe.Sum(RocketMQMetrics.CommitFailures, (MessagingAttributes.ConsumerGroup, rocketmq.MyGroup)));

        using var refusing = rocketmq.Faults.Inject(Fault.Answer(ResponseCodes.SystemError) with { RequestCode = RequestCodes.UpdateConsumerOffset });
        await rocketmq.SendAsync(1, first: 1);

        await Eventually.TrueAsync(() => probe.Sum(RocketMQMetrics.CommitFailures, (MessagingAttributes.ConsumerGroup, rocketmq.MyGroup)) > 0, "a failed commit is told");

        // A counter does not fall, also when the group is started anew.
        var told = probe.Sum(RocketMQMetrics.CommitFailures, (MessagingAttributes.ConsumerGroup, rocketmq.MyGroup));
        refusing.Dispose();
        await cluster.Consumer(rocketmq.MyGroup).RestartAsync();
        Assert.InRange(probe.Sum(RocketMQMetrics.CommitFailures, (MessagingAttributes.ConsumerGroup, rocketmq.MyGroup)), told, double.MaxValue);
    }

    [Fact]
    public async Task In_order_failures_are_retried_in_place_and_a_lost_lock_is_told()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await rocketmq.ConsumeInOrderAsync(
            new OrderlyRecorder().Then((messages, _) => messages[0].QueueOffset == 1 ? ConsumeOrderlyResult.SuspendCurrentQueue : ConsumeOrderlyResult.Success),
            options =>
            {
                options.MaxReconsumeTimes = 2;
                options.SuspendCurrentQueueTime = TimeSpan.FromMilliseconds(20);
                (options.LockInterval, options.LockExpiry) = (TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(2));
            },
            setUp: options => options.RequestTimeout = TimeSpan.FromMilliseconds(200));
        using var probe = MetricsProbe.On(cluster);

        await rocketmq.SendAsync(3);
        await rocketmq.UntilCommittedAsync(3);

        await probe.UntilAsync(RocketMQMetrics.DeadLetters, 1);
        Assert.Equal(3, probe.Sum(RocketMQMetrics.Consumed, (Error, ErrorTypes.SuspendCurrentQueue)));
        Assert.Equal(2, probe.Sum(RocketMQMetrics.Consumed, (Error, null)));
        Assert.Equal(2, probe.Sum(RocketMQMetrics.Retries));
        Assert.Equal(5, probe.Of(RocketMQMetrics.ProcessDuration).Count);

        using (rocketmq.Faults.Inject(Fault.NoAnswer() with { RequestCode = RequestCodes.LockBatchMessageQueue }))
        {
            await Eventually.TrueAsync(
                () => probe.Sum(RocketMQMetrics.LockLosses, (MessagingAttributes.Destination, TestRocketMQ.Topic)) >= 1, "the lost lock is told");
        }
    }

    [Fact]
    public async Task A_key_that_fails_is_retried_in_place_and_dies_alone()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await ScriptedKeyedListener.ConsumeAsync(
            rocketmq.Embedded.NameServerAddress,
            rocketmq.MyGroup,
            TestRocketMQ.Topic,
            (_, messages, _, _) => ValueTask.FromResult(TestRocketMQ.Text(messages[0]) == "0" ? ConsumeResult.ReconsumeLater : ConsumeResult.Success),
            consumer => consumer.Configure(options => options.MaxReconsumeTimes = 1),
            setUp: builder => DeclaredListeners.HideIn(builder.Services));
        using var probe = MetricsProbe.On(cluster);

        await rocketmq.SendAsync(3, prepare: message => message.ShardingKey = "a key");

        await probe.UntilAsync(RocketMQMetrics.DeadLetters, 1);
        await probe.UntilAsync(RocketMQMetrics.Consumed, 2, (Error, null));
        Assert.Equal(2, probe.Sum(RocketMQMetrics.Consumed, (Error, ErrorTypes.ReconsumeLater)));
        Assert.Equal(1, probe.Sum(RocketMQMetrics.Retries));
        await probe.UntilAsync(RocketMQMetrics.InFlight, 0);
    }
}
