using System.Collections.Concurrent;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Queues;

/// <summary>A queue holds no more than it may, however long its listeners take, and pulls on once they return.</summary>
public sealed class FlowControlTests
{
    private const int PullBatch = 10;

    /// <summary>How long a queue is watched that must not pull on.</summary>
    private static readonly TimeSpan AWhile = TimeSpan.FromMilliseconds(400);

    [Fact]
    public async Task Pulling_stops_at_the_number_of_messages_and_goes_on_when_listeners_return()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.SendAsync(300);

        await StopsAndGoesOnAsync(rocketmq, 300, options => options.PullThresholdForQueue = 50, queue =>
        {
            Assert.InRange(queue.CachedMessages, 50, 50 + PullBatch - 1);
            Assert.Equal(queue.CachedMessages, queue.NextPullOffset);
        });
    }

    [Fact]
    public async Task Pulling_stops_at_the_number_of_bytes_and_goes_on_when_listeners_return()
    {
        const int BodyLength = 64 * 1024;
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        var body = new byte[BodyLength];
        Random.Shared.NextBytes(body);
        for (var number = 0; number < 60; number++)
        {
            await rocketmq.Producer.SendAsync(new Message(TestRocketMQ.Topic, body));
        }

        await StopsAndGoesOnAsync(rocketmq, 60, options => options.PullThresholdBytesForQueue = 1024 * 1024, queue =>
            Assert.InRange(queue.CachedBytes, 1024 * 1024, (1024 * 1024) + (PullBatch * BodyLength)));
    }

    [Fact]
    public async Task Pulling_stops_when_it_runs_too_far_ahead_of_the_slowest_message()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.SendAsync(300);
        var release = new TaskCompletionSource();
        await using var cluster = await rocketmq.ConsumeAsync(
            async (messages, context, _) =>
            {
                rocketmq.Recorder.Record(messages, context);
                if (messages[0].QueueOffset == 7)
                {
                    await release.Task;
                }

                return ConsumeResult.Success;
            },
            options =>
            {
                options.PullBatchSize = PullBatch;
                options.ConsumeMaxSpan = 100;
            });
        await using var watch = OffsetWatch.Over(rocketmq);

        await Eventually.TrueAsync(() => Queue(cluster, rocketmq).NextPullOffset > 107, "it has pulled as far as it may");
        await StaysAsync(() => Queue(cluster, rocketmq).NextPullOffset <= 107 + PullBatch);
        await rocketmq.UntilCommittedAsync(7);
        release.SetResult();

        await rocketmq.UntilCommittedAsync(300);
        Assert.Equal(300, rocketmq.Recorder.Count);
    }

    private static async Task StopsAndGoesOnAsync(TestRocketMQ rocketmq, int count, Action<ConsumerOptions> limit, Action<QueueStatus> check)
    {
        var release = new TaskCompletionSource();
        await using var cluster = await rocketmq.ConsumeAsync(
            async (messages, context, _) =>
            {
                await release.Task;
                rocketmq.Recorder.Record(messages, context);
                return ConsumeResult.Success;
            },
            options =>
            {
                options.PullBatchSize = PullBatch;
                limit(options);
            });
        await using var watch = OffsetWatch.Over(rocketmq);
        QueueStatus? last = null;
        await Eventually.TrueAsync(
            async () =>
            {
                var before = last;
                last = Queue(cluster, rocketmq);
                await Task.Delay(AWhile);
                return before is { NextPullOffset: > 0 } && before.NextPullOffset == last.NextPullOffset;
            },
            "it pulls no more");

        check(last!);
        Assert.Equal(0, rocketmq.Recorder.Count);
        release.SetResult();
        await rocketmq.UntilCommittedAsync(count);
        Assert.Equal(count, rocketmq.Recorder.Count);
        Assert.Equal(0, Queue(cluster, rocketmq).CachedBytes);
    }

    private static QueueStatus Queue(TestCluster cluster, TestRocketMQ rocketmq)
        => cluster.StatusOf(rocketmq.MyGroup)[0].Queues.Single(queue => queue.Queue.Topic == TestRocketMQ.Topic);

    private static async Task StaysAsync(Func<bool> condition)
    {
        var start = TimeProvider.System.GetTimestamp();
        while (TimeProvider.System.GetElapsedTime(start) < AWhile)
        {
            Assert.True(condition());
            await Task.Delay(10);
        }
    }
}
