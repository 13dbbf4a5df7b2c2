using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Dispatch;

public sealed class ConcurrencyTests
{
    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(2, 8, 1)]
    [InlineData(4, 4, 5)]
    public async Task As_many_listener_calls_as_allowed_run_at_once_and_never_more(int least, int most, int batchSize)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 3);
        await rocketmq.SendAsync(120);
        var (running, peak, largest) = (0, 0, 0);
        var full = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var cluster = await rocketmq.ConsumeAsync(
            async (messages, context, _) =>
            {
                var now = Interlocked.Increment(ref running);
                InterlockedMax(ref peak, now);
                InterlockedMax(ref largest, messages.Count);
                if (now >= most)
                {
                    full.TrySetResult();
                }

                await full.Task;
                await Task.Yield();
                rocketmq.Recorder.Record(messages, context);
                Interlocked.Decrement(ref running);
                return ConsumeResult.Success;
            },
            options => (options.ConsumeThreadMin, options.ConsumeThreadMax, options.ConsumeBatchSize) = (least, most, batchSize));

        await rocketmq.UntilAllCameAsync(120);

        Assert.Equal(most, peak);
        Assert.InRange(largest, batchSize > 1 ? 2 : 1, batchSize);
        Assert.Equal(120, rocketmq.Recorder.Count);
    }

    [Fact]
    public async Task A_queue_full_of_work_starves_no_other()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 2);
        var first = new MessageQueue(TestRocketMQ.Topic, rocketmq.Broker.Name, 0);
        for (var number = 0; number < 300; number++)
        {
            await rocketmq.Producer.SendAsync(new Message(TestRocketMQ.Topic, "busy"u8.ToArray()), first);
        }

        var permits = new SemaphoreSlim(0);
        await using var cluster = await rocketmq.ConsumeAsync(
            async (messages, context, _) =>
            {
                rocketmq.Recorder.Record(messages, context);
                await permits.WaitAsync(CancellationToken.None);
                return ConsumeResult.Success;
            },
            options => (options.ConsumeThreadMin, options.ConsumeThreadMax) = (1, 1));
        await rocketmq.Recorder.UntilAsync(1);
        await rocketmq.Producer.SendAsync(new Message(TestRocketMQ.Topic, "idle"u8.ToArray()), first with { QueueId = 1 });
        await Eventually.TrueAsync(
            () => cluster.StatusOf(rocketmq.MyGroup)[0].Queues.Single(queue => queue.Queue.Topic == TestRocketMQ.Topic && queue.Queue.QueueId == 1).CachedMessages == 1,
            "the message of the other queue waits");

        permits.Release(10);
        await Eventually.TrueAsync(() => rocketmq.Recorder.Bodies.Contains("idle"), "its turn comes");
        permits.Release(1000);
        await rocketmq.Recorder.UntilAsync(301);
    }

    private static void InterlockedMax(ref int place, int value)
    {
        int known;
        while ((known = Volatile.Read(ref place)) < value)
        {
            Interlocked.CompareExchange(ref place, value, known);
        }
    }

    [Fact]
    public async Task One_slow_message_does_not_hold_up_those_that_were_handed_out_with_it()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        var release = new TaskCompletionSource();
        await using var cluster = await rocketmq.ConsumeAsync(
            async (messages, context, cancellationToken) =>
            {
                rocketmq.Recorder.Record(messages, context);
                if (TestRocketMQ.Text(messages[0]) == "1000")
                {
                    await release.Task.WaitAsync(cancellationToken);
                }

                return ConsumeResult.Success;
            });

        // Fast ones first, so that runs have become long.
        await rocketmq.SendAsync(1000);
        await rocketmq.UntilAllCameAsync(1000);
        await rocketmq.SendAsync(300, first: 1000);

        await rocketmq.UntilAllCameAsync(1300);
        release.SetResult();
        await rocketmq.UntilCommittedAsync(1300);
        Assert.Equal(1300, rocketmq.Recorder.Count);
    }
}
