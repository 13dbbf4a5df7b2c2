using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Testing;

namespace OrleansRocketMQ.Tests.EndToEnd;

public sealed class FlowTests
{
    private readonly Recorder _recorder = new();
    private readonly TaskCompletionSource _release = new(TaskCreationOptions.RunContinuationsAsynchronously);

    [Fact]
    public async Task Pulling_waits_at_the_limit_of_messages_and_goes_on_when_there_is_room()
    {
        await using var rocketmq = await EmbeddedCluster.StartAsync(queues: 1);
        await using var cluster = await BlockAsync(rocketmq, options => options.PullThresholdForQueue = 40);
        await rocketmq.SendAsync(200);

        // One pull may go over the limit, because its size is known only when it is there.
        await UntilCachedAsync(cluster, rocketmq, 40, 72);
        _release.SetResult();

        await _recorder.UntilAsync(200);
    }

    [Fact]
    public async Task Pulling_waits_at_the_limit_of_bytes()
    {
        await using var rocketmq = await EmbeddedCluster.StartAsync(queues: 1);
        await using var cluster = await BlockAsync(rocketmq, options => options.PullThresholdBytesForQueue = 1024 * 1024);
        await rocketmq.SendAsync(60, bodyLength: 60 * 1024 - 1);

        await UntilCachedAsync(cluster, rocketmq, 2, 59);
        _release.SetResult();

        await _recorder.UntilAsync(60);
    }

    [Fact]
    public async Task Pulling_waits_when_it_has_run_too_far_ahead_of_one_slow_message()
    {
        await using var rocketmq = await EmbeddedCluster.StartAsync(queues: 1);
        await using var cluster = await BlockAsync(rocketmq, options => options.ConsumeMaxSpan = 50, onlyOffset: 0);
        await rocketmq.SendAsync(200);

        await _recorder.UntilAsync(50);
        await Eventually.TrueAsync(() => Status(cluster, rocketmq) is { InFlight: 1, CachedMessages: 1 }, "only the slow message is in work");
        Assert.InRange(Status(cluster, rocketmq).NextPullOffset, 51, 83);
        _release.SetResult();

        await _recorder.UntilAsync(200);
    }

    [Fact]
    public async Task All_slots_work_when_there_is_work_and_never_more()
    {
        await using var rocketmq = await EmbeddedCluster.StartAsync(queues: 4);
        var running = 0;
        var most = 0;
        await using var cluster = await TestCluster.ConsumeAsync(
            rocketmq.NameServer,
            rocketmq.Group,
            EmbeddedCluster.Topic,
            async (messages, context, _) =>
            {
                var now = Interlocked.Increment(ref running);
                InterlockedMax(ref most, now);
                await _release.Task;
                Interlocked.Decrement(ref running);
                _recorder.Record(messages, context);
                return ConsumeResult.Success;
            },
            consumer => consumer.Configure(options => (options.ConsumeThreadMin, options.ConsumeThreadMax) = (2, 7)));

        await rocketmq.SendAsync(60);
        await Eventually.TrueAsync(() => Volatile.Read(ref running) == 7, () => $"7 listener calls at once; there are {running}");
        _release.SetResult();
        await _recorder.UntilAsync(60);

        Assert.Equal(7, most);
    }

    [Fact]
    public async Task A_stop_lets_listeners_finish_and_commits_what_they_did()
    {
        await using var rocketmq = await EmbeddedCluster.StartAsync(queues: 1);
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var cluster = await TestCluster.ConsumeAsync(rocketmq.NameServer, rocketmq.Group, EmbeddedCluster.Topic, async (messages, context, _) =>
        {
            started.TrySetResult();
            await _release.Task;
            _recorder.Record(messages, context);
            return ConsumeResult.Success;
        });
        await rocketmq.SendAsync(1);
        await started.Task.WaitAsync(Eventually.Deadline);

        var stop = cluster.DisposeAsync().AsTask();
        await rocketmq.SendAsync(5);
        _release.SetResult();
        await stop.WaitAsync(Eventually.Deadline);

        Assert.InRange(_recorder.Count, 1, 6);
        Assert.Equal(_recorder.Count, rocketmq.Committed());
        Assert.Empty(rocketmq.Broker.ClientsOf(rocketmq.Group));
    }

    private Task<TestCluster> BlockAsync(EmbeddedCluster rocketmq, Action<ConsumerOptions> configure, long? onlyOffset = null) => TestCluster.ConsumeAsync(
        rocketmq.NameServer,
        rocketmq.Group,
        EmbeddedCluster.Topic,
        async (messages, context, _) =>
        {
            if (onlyOffset is null || messages[0].QueueOffset == onlyOffset)
            {
                await _release.Task;
            }

            _recorder.Record(messages, context);
            return ConsumeResult.Success;
        },
        (ConsumerBuilder consumer) => consumer.Configure(configure));

    /// <summary>Waits until the queue holds a number in the range and the broker holds no pull of it: the pump waits for room.</summary>
    private static async Task UntilCachedAsync(TestCluster cluster, EmbeddedCluster rocketmq, int least, int most)
    {
        await Eventually.TrueAsync(() => Status(cluster, rocketmq).CachedMessages >= least, () => $"{least} messages are cached; there are {Status(cluster, rocketmq).CachedMessages}");
        var seen = Status(cluster, rocketmq).CachedMessages;
        Assert.InRange(seen, least, most);
        Assert.InRange(Status(cluster, rocketmq).NextPullOffset, least, most);
    }

    private static QueueStatus Status(TestCluster cluster, EmbeddedCluster rocketmq)
        => cluster.StatusOf(rocketmq.Group)[0].Queues.Single(queue => queue.Queue.Topic == EmbeddedCluster.Topic);

    private static void InterlockedMax(ref int target, int value)
    {
        int known;
        while ((known = Volatile.Read(ref target)) < value)
        {
            Interlocked.CompareExchange(ref target, value, known);
        }
    }
}
