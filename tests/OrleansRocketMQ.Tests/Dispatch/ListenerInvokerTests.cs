using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Dispatch;

/// <summary>A run of messages in one call: the listener sees batches, the caller a result for each message.</summary>
public sealed class ListenerInvokerTests
{
    [Fact]
    public async Task Each_batch_has_a_result_of_its_own()
    {
        await using var runner = await Runner.StartAsync((messages, context, _) =>
        {
            switch (messages[0].QueueOffset)
            {
                case 0: // succeeds in part, and wants the rest later
                    context.AckIndex = 0;
                    context.DelayLevelWhenNextConsume = 5;
                    return new(ConsumeResult.Success);
                case 6:
                    return new(ConsumeResult.ReconsumeLater);
                case 9:
                    throw new InvalidOperationException("broke");
                case 12:
                    context.AckIndex = -1;
                    return new(ConsumeResult.Success);
                case 15:
                    return new((ConsumeResult)42);
                default:
                    return new(ConsumeResult.Success);
            }
        });

        var result = await runner.RunAsync(count: 20, batchSize: 3, TimeSpan.FromMinutes(1));

        Assert.Equal(20, result.Consumed);
        Assert.Equal([1, 2, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17], result.Failures!.Select(failure => failure.Index));
        Assert.Equal([5, 5, 0, 0], result.Failures!.Take(4).Select(failure => failure.DelayLevel));
        Assert.All(result.Failures!, failure => Assert.Equal(failure.Index is >= 9 and <= 11 ? "broke" : null, failure.Error));
    }

    [Fact]
    public async Task A_run_ends_after_the_batch_in_which_its_time_is_over()
    {
        var batches = 0;
        await using var runner = await Runner.StartAsync(async (_, _, _) =>
        {
            batches++;
            await Task.Delay(batches == 3 ? 50 : 0, CancellationToken.None);
            return ConsumeResult.Success;
        });

        var result = await runner.RunAsync(count: 20, batchSize: 2, TimeSpan.FromMilliseconds(45));

        Assert.InRange(result.Consumed, 2, 6);
        Assert.Equal(batches * 2, result.Consumed);
        Assert.Null(result.Failures);
        Assert.True(result.ListenerTime >= TimeSpan.FromMilliseconds(45));
    }

    [Fact]
    public async Task Messages_behind_the_end_of_a_run_are_consumed_by_others_once_each()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        var (running, peak) = (0, 0);
        await using var cluster = await rocketmq.ConsumeAsync(
            async (messages, context, _) =>
            {
                rocketmq.Recorder.Record(messages, context);
                if (messages[0].Keys == "slow")
                {
                    peak = Math.Max(peak, Interlocked.Increment(ref running));
                    await Task.Delay(20, CancellationToken.None);
                    Interlocked.Decrement(ref running);
                }

                return ConsumeResult.Success;
            },
            options => (options.ConsumeThreadMin, options.ConsumeThreadMax) = (8, 8));
        await using var watch = OffsetWatch.Over(rocketmq);

        // A listener this fast gets long runs; then it becomes slow.
        await rocketmq.SendAsync(1000);
        await rocketmq.UntilCommittedAsync(1000);
        await rocketmq.SendAsync(100, first: 1000, message => message.Keys = "slow");
        await rocketmq.UntilCommittedAsync(1100);

        Assert.Equal(1100, rocketmq.Recorder.Count);
        Assert.InRange(peak, 4, 8);
    }

    [Fact]
    public async Task A_message_that_fails_in_the_middle_of_a_long_run_takes_no_other_with_it()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.SendAsync(1000);
        await using var cluster = await rocketmq.ConsumeAsync(
            rocketmq.Recorder.Then((messages, context) => messages[0].ReconsumeTimes == 0 && context.Queue.Topic == TestRocketMQ.Topic && messages[0].QueueOffset % 10 == 7
                ? throw new InvalidOperationException("sevens")
                : ConsumeResult.Success),
            options => (options.ConsumeThreadMin, options.ConsumeThreadMax) = (1, 1));
        await using var watch = OffsetWatch.Over(rocketmq);

        await rocketmq.Recorder.UntilAsync(1100);
        await rocketmq.UntilCommittedAsync(1000);

        Assert.Equal(1100, rocketmq.Recorder.Count);
        Assert.Equal(100, rocketmq.Recorder.Deliveries.Count(delivery => delivery.Message.ReconsumeTimes == 1));
        Assert.Equal((100, 100), (cluster.StatusOf(rocketmq.MyGroup)[0].Failed, cluster.StatusOf(rocketmq.MyGroup)[0].SentBack));
    }
}
