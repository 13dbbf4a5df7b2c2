using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Dispatch;

/// <summary>A listener has a message for so long and no longer; then the broker brings it again.</summary>
public sealed class ConsumeTimeoutTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromMilliseconds(400);

    [Fact]
    public async Task A_message_that_takes_too_long_is_sent_back_once_its_token_fires_and_its_late_result_is_ignored()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        var (told, late) = (new TaskCompletionSource(), new TaskCompletionSource());
        await using var cluster = await rocketmq.ConsumeAsync(
            async (messages, context, cancellationToken) =>
            {
                rocketmq.Recorder.Record(messages, context);
                if (messages[0] is { Keys: "slow", ReconsumeTimes: 0 })
                {
                    cancellationToken.Register(() => told.TrySetResult());
                    await late.Task;
                }

                return ConsumeResult.Success;
            },
            options => options.ConsumeTimeout = Limit);
        await using var watch = OffsetWatch.Over(rocketmq);

        await rocketmq.SendAsync(3);
        await rocketmq.SendAsync(1, first: 3, message => message.Keys = "slow");
        await rocketmq.SendAsync(6, first: 4);

        // The watermark moves on although the listener still has the message.
        await rocketmq.UntilCommittedAsync(10);
        await told.Task.WaitAsync(Eventually.Deadline);
        Assert.False(late.Task.IsCompleted);
        await rocketmq.Recorder.UntilAsync(11);
        var again = rocketmq.Recorder.Deliveries.Single(delivery => delivery.Message.ReconsumeTimes > 0);
        Assert.Equal("3", again.Body);
        Assert.Equal("3", again.Message.GetProperty(MessageProperties.DelayTimeLevel));

        late.SetResult();
        await Eventually.TrueAsync(() => cluster.StatusOf(rocketmq.MyGroup)[0].LateResults == 1, "the late result is counted");
        var status = cluster.StatusOf(rocketmq.MyGroup)[0];
        Assert.Equal((10, 1, 1, 1), (status.Consumed, status.Failed, status.SentBack, status.Figures.TimedOut));
        Assert.Single(rocketmq.Broker.Messages(rocketmq.RetryTopic));
        Assert.Equal(11, rocketmq.Recorder.Count);
    }

    [Fact]
    public async Task A_message_that_takes_too_long_is_sent_back_though_a_callback_of_its_listener_on_the_token_fails()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.SendAsync(2);
        await using var cluster = await rocketmq.ConsumeAsync(
            async (messages, context, cancellationToken) =>
            {
                rocketmq.Recorder.Record(messages, context);
                if (messages[0] is { QueueOffset: 0, ReconsumeTimes: 0 })
                {
                    cancellationToken.Register(() => throw new InvalidOperationException("The listener's callback fails."));
                    await Task.Delay(Timeout.Infinite, CancellationToken.None);
                }

                return ConsumeResult.Success;
            },
            options => options.ConsumeTimeout = Limit);

        await rocketmq.UntilCommittedAsync(2);
        await rocketmq.Recorder.UntilAsync(3);

        var again = rocketmq.Recorder.Deliveries.Single(delivery => delivery.Message.ReconsumeTimes > 0);
        Assert.Equal(("0", "3"), (again.Body, again.Message.GetProperty(MessageProperties.DelayTimeLevel)));
        Assert.Equal((1, 1), (cluster.StatusOf(rocketmq.MyGroup)[0].SentBack, cluster.StatusOf(rocketmq.MyGroup)[0].Figures.TimedOut));
    }

    [Fact]
    public async Task Any_message_in_work_has_its_time_not_only_the_first_of_its_queue()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.SendAsync(20);
        await using var cluster = await rocketmq.ConsumeAsync(
            async (messages, context, cancellationToken) =>
            {
                rocketmq.Recorder.Record(messages, context);
                if (messages[0].ReconsumeTimes == 0 && messages[0].QueueOffset is 0 or 5 or 11)
                {
                    // Heeds its token, and claims to have succeeded all the same.
                    await Task.Delay(Timeout.Infinite, cancellationToken).ContinueWith(_ => { }, TaskScheduler.Default);
                }

                return ConsumeResult.Success;
            },
            options => options.ConsumeTimeout = Limit);
        await using var watch = OffsetWatch.Over(rocketmq);

        await rocketmq.UntilCommittedAsync(20);
        await rocketmq.Recorder.UntilAsync(23);

        Assert.Equal(["0", "11", "5"], rocketmq.Recorder.Deliveries.Where(delivery => delivery.Message.ReconsumeTimes == 1).Select(delivery => delivery.Body).Order(StringComparer.Ordinal));
        Assert.Equal(3, cluster.StatusOf(rocketmq.MyGroup)[0].Figures.TimedOut);
    }

    [Fact]
    public async Task What_was_done_before_in_the_same_run_stays_done()
    {
        await using var runner = await Runner.StartAsync(async (messages, _, cancellationToken) =>
        {
            if (messages[0].QueueOffset == 6)
            {
                await Task.Delay(Timeout.Infinite, cancellationToken);
            }

            return messages[0].QueueOffset == 2 ? ConsumeResult.ReconsumeLater : ConsumeResult.Success;
        });

        var result = await runner.RunAsync(count: 20, batchSize: 2, TimeSpan.FromMinutes(1), Limit);

        Assert.Equal((8, 2), (result.Consumed, result.TimedOut));
        Assert.Equal([2, 3, 6, 7], result.Failures!.Select(failure => failure.Index));
        Assert.Equal([0, 0, 3, 3], result.Failures!.Select(failure => failure.DelayLevel));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_the_listener_registers_with_its_token_may_throw_or_block_and_its_time_is_over_all_the_same(bool blocks)
    {
        using var block = new ManualResetEventSlim();
        var never = new TaskCompletionSource();
        await using var runner = await Runner.StartAsync(async (messages, _, cancellationToken) =>
        {
            if (messages[0].QueueOffset == 2)
            {
                cancellationToken.Register(() =>
                {
                    if (blocks)
                    {
                        block.Wait(CancellationToken.None);
                    }

                    throw new InvalidOperationException("a listener's own");
                });
                await never.Task;
            }

            return ConsumeResult.Success;
        });

        var result = await runner.RunAsync(count: 5, batchSize: 1, TimeSpan.FromMinutes(1), Limit).WaitAsync(Eventually.Deadline);

        Assert.Equal((3, 1), (result.Consumed, result.TimedOut));
        Assert.Equal([2], result.Failures!.Select(failure => failure.Index));

        // The activation that hangs gets nothing more.
        Assert.Equal(2, (await runner.RunAsync(count: 2, batchSize: 1, TimeSpan.FromMinutes(1), Limit).WaitAsync(Eventually.Deadline)).Consumed);
        block.Set();
        never.SetResult();
    }

    [Fact]
    public async Task A_listener_that_blocks_its_thread_does_not_keep_its_slot_or_its_message()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        using var release = new ManualResetEventSlim();
        await using var cluster = await rocketmq.ConsumeAsync(
            (messages, context, _) =>
            {
                rocketmq.Recorder.Record(messages, context);
                if (messages[0] is { QueueOffset: 0, ReconsumeTimes: 0 } && context.Queue.Topic == TestRocketMQ.Topic)
                {
                    release.Wait(TimeSpan.FromSeconds(30), CancellationToken.None);
                }

                return ValueTask.FromResult(ConsumeResult.Success);
            },
            options =>
            {
                options.ConsumeTimeout = Limit;
                (options.ConsumeThreadMin, options.ConsumeThreadMax) = (1, 1);
            });

        await rocketmq.SendAsync(5);
        await rocketmq.UntilCommittedAsync(5);
        await rocketmq.Recorder.UntilAsync(6);

        Assert.False(release.IsSet);
        Assert.Equal(TestRocketMQ.Numbers(5), rocketmq.Recorder.Bodies.Distinct().Order());
        Assert.Equal("0", rocketmq.Recorder.Deliveries.First(delivery => delivery.Message.ReconsumeTimes == 1).Body);
        release.Set();
    }

    [Fact]
    public async Task A_message_that_takes_too_long_and_is_not_taken_back_stays_and_is_consumed_later()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        using var refusing = rocketmq.Faults.Inject(Embedded.Fault.Answer(ResponseCodes.SystemError) with { RequestCode = RequestCodes.ConsumerSendMessageBack });
        using var copies = rocketmq.Faults.Inject(Embedded.Fault.Answer(ResponseCodes.SystemError) with
        {
            When = target => (target.Request["topic"] ?? target.Request["b"]) == rocketmq.RetryTopic && target.Request.Code == RequestCodes.SendMessageV2,
        });
        var calls = 0;
        await using var cluster = await rocketmq.ConsumeAsync(
            async (messages, context, cancellationToken) =>
            {
                rocketmq.Recorder.Record(messages, context);
                if (messages[0].Keys == "slow" && Interlocked.Increment(ref calls) == 1)
                {
                    await Task.Delay(Timeout.Infinite, cancellationToken);
                }

                return ConsumeResult.Success;
            },
            options => options.ConsumeTimeout = Limit);
        await using var watch = OffsetWatch.Over(rocketmq);

        await rocketmq.SendAsync(1, prepare: message => message.Keys = "slow");
        await rocketmq.SendAsync(5, first: 1);
        await rocketmq.UntilAllCameAsync(6);
        await Eventually.TrueAsync(
            () => cluster.StatusOf(rocketmq.MyGroup)[0].Queues.Any(queue => queue.LastError.Contains("could not be handed back", StringComparison.Ordinal)) || calls == 2,
            "the failure is told");

        // Every attempt was made, then the listener gets it once more.
        Assert.True(rocketmq.Faults.RequestsSeen(RequestCodes.ConsumerSendMessageBack) >= 3);
        await rocketmq.UntilCommittedAsync(6);
        Assert.Equal(2, calls);
        Assert.Empty(rocketmq.Broker.Messages(rocketmq.RetryTopic));
    }
}
