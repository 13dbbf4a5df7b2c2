using System.Collections.Concurrent;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Flow;

/// <summary>Queues share what a group, a topic and a silo may hold, and each of them gets on.</summary>
public sealed class BudgetTests
{
    private const int PullBatch = 10;
    private const int BodyLength = 32 * 1024;

    // As it came, compressed in vain, and decompressed.
    private const int LongestInMemory = (2 * BodyLength) + 1024;

    [Fact]
    public Task The_queues_of_a_group_hold_no_more_together_than_the_group_may()
        => StaysWithinAsync(options => options.PullThresholdForAll = 40, held => Assert.InRange(held.Messages, 40, 40 + (4 * PullBatch)));

    [Fact]
    public Task The_queues_of_a_topic_hold_no_more_messages_together_than_the_topic_may()
        => StaysWithinAsync(options => options.PullThresholdForTopic = 60, held => Assert.InRange(held.Messages, 60, 60 + (4 * PullBatch)));

    [Fact]
    public Task The_queues_of_a_topic_hold_no_more_bytes_together_than_the_topic_may()
        => StaysWithinAsync(options => options.PullThresholdBytesForTopic = 1024 * 1024, held => Assert.InRange(held.Bytes, 1024 * 1024, (1024 * 1024) + (4 * PullBatch * BodyLength)));

    [Fact]
    public Task The_queues_of_a_silo_hold_no_more_bytes_together_than_the_silo_may()
        => StaysWithinAsync(_ => { }, held => Assert.InRange(held.InMemory, 1024 * 1024, (1024 * 1024) + (4 * PullBatch * LongestInMemory)), options => options.MaxCachedBytes = 1024 * 1024);

    [Fact]
    public Task A_queue_never_holds_more_messages_than_it_may_cache()
        => StaysWithinAsync(options => options.MaxCachedMessagesPerQueue = 23, held => Assert.Equal(4 * 23, held.Messages));

    [Fact]
    public Task A_queue_does_not_go_beyond_the_bytes_it_may_cache() => StaysWithinAsync(
        options => options.MaxCachedBytesPerQueue = 1024 * 1024,
        held => Assert.InRange(held.Bytes, 4 * (1024 * 1024 - BodyLength), 4 * (1024 * 1024 + BodyLength)));

    [Fact]
    public async Task A_group_that_does_not_get_on_keeps_no_other_group_of_the_silo_from_its_messages()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 4);
        await SendAsync(rocketmq, 200);
        var other = $"{rocketmq.MyGroup}_other";
        var stuck = new TaskCompletionSource();
        ScriptedListener.Script(rocketmq.MyGroup, async (_, _, _) =>
        {
            await stuck.Task;
            return ConsumeResult.Success;
        });
        ScriptedListener.Script(other, rocketmq.Recorder.Succeed());
        await using var cluster = await TestCluster.StartAsync(rocketmq.Embedded.NameServerAddress, builder =>
        {
            DeclaredListeners.HideIn(builder.Configure(options => options.MaxCachedBytes = 1024 * 1024).Services);
            foreach (var group in new[] { rocketmq.MyGroup, other })
            {
                builder.AddConsumer<ScriptedListener>(group, consumer => consumer.Subscribe(TestRocketMQ.Topic).Configure(options =>
                {
                    options.ConsumeFromWhere = ConsumeFromWhere.FirstOffset;
                    options.PullBatchSize = PullBatch;
                }));
            }
        });

        await rocketmq.UntilAllCameAsync(200);

        Assert.Equal(200, rocketmq.Recorder.Count);
        stuck.SetResult();
    }

    [Fact]
    public async Task Queues_that_share_a_budget_that_is_too_small_all_get_on()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 8);
        await rocketmq.SendAsync(1600);
        var order = new ConcurrentQueue<int>();
        var allRun = new TaskCompletionSource();
        await using var cluster = await rocketmq.ConsumeAsync(
            async (messages, context, _) =>
            {
                // A queue that is started last has had no part of what was consumed before: that would say nothing of the budget.
                await allRun.Task;
                order.Enqueue(context.QueueId);
                rocketmq.Recorder.Record(messages, context);
                return ConsumeResult.Success;
            },
            options =>
            {
                options.PullThresholdForAll = 5;
                options.PullBatchSize = PullBatch;
            });
        await using var watch = OffsetWatch.Over(rocketmq);
        await cluster.UntilReadyAsync(rocketmq.MyGroup);
        allRun.SetResult();

        await rocketmq.Recorder.UntilAsync(1600);
        Assert.Equal(1600, rocketmq.Recorder.Count);

        // No queue was left to the end: when half of the messages had come, each queue had had some of its own.
        Assert.Equal(8, order.Take(800).Distinct().Count());
        await Eventually.TrueAsync(() => Held(cluster, rocketmq) == (0, 0), "nothing is held any more");
        await Eventually.TrueAsync(() => cluster.StatusOf(rocketmq.MyGroup)[0].SiloCachedBytes == 0, "all is given back");
    }

    private static async Task StaysWithinAsync(Action<ConsumerOptions> limit, Action<(int Messages, long Bytes, long InMemory)> check, Action<RocketMQOptions>? setUp = null)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 4);
        await SendAsync(rocketmq, 240);
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
            },
            setUp: setUp);
        await using var watch = OffsetWatch.Over(rocketmq);
        var last = (0, 0L);
        await Eventually.TrueAsync(
            async () =>
            {
                var before = last;
                last = Held(cluster, rocketmq);
                await Task.Delay(300);
                return last.Item1 > 0 && before == last && Held(cluster, rocketmq) == last;
            },
            "it pulls no more");

        // Bodies came compressed and are kept beside the bytes of their pulls.
        var inMemory = cluster.StatusOf(rocketmq.MyGroup)[0].SiloCachedBytes;
        Assert.InRange(inMemory, last.Item2 * 2, last.Item1 * LongestInMemory);
        check((last.Item1, last.Item2, inMemory));
        Assert.Equal(0, rocketmq.Recorder.Count);
        release.SetResult();
        await rocketmq.Recorder.UntilAsync(240);
        await Eventually.TrueAsync(() => Held(cluster, rocketmq) == (0, 0), "nothing is held any more");
        Assert.Equal(240, rocketmq.Recorder.Count);
    }

    private static (int Messages, long Bytes) Held(TestCluster cluster, TestRocketMQ rocketmq)
    {
        var queues = cluster.StatusOf(rocketmq.MyGroup)[0].Queues;
        return (queues.Sum(queue => queue.CachedMessages), queues.Sum(queue => queue.CachedBytes));
    }

    /// <summary>Bodies that zlib cannot make smaller, the number in front.</summary>
    private static async Task SendAsync(TestRocketMQ rocketmq, int count)
    {
        for (var number = 0; number < count; number++)
        {
            var body = new byte[BodyLength];
            Random.Shared.NextBytes(body);
            BitConverter.TryWriteBytes(body, number);
            await rocketmq.Producer.SendAsync(new Message(TestRocketMQ.Topic, body));
        }
    }
}
