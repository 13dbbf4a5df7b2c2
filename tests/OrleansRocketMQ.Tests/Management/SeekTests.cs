using Microsoft.Extensions.DependencyInjection;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Infrastructure;
using OrleansRocketMQ.Tests.Orderly;

namespace OrleansRocketMQ.Tests.Management;

/// <summary>Queues go on where an operator wants them to, wherever they run, and what was before counts no more.</summary>
public sealed class SeekTests
{
    private static readonly ConsumerScope Orders = ConsumerScope.OfTopic(TestRocketMQ.Topic);

    [Theory]
    [InlineData(Mode.Concurrent)]
    [InlineData(Mode.Orderly)]
    [InlineData(Mode.KeyOrdered)]
    public async Task All_queues_of_all_silos_begin_again(Mode mode)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 4);
        await using var cluster = await rocketmq.ConsumeAsync(mode, _ => Task.CompletedTask, silos: 2);
        await rocketmq.SendAsync(40, prepare: message => message.ShardingKey = $"key {message.Body.Span[^1]}");
        await rocketmq.UntilCommittedAsync(40);

        var offsets = await rocketmq.Management(cluster).SeekAsync(Orders, SeekTarget.Begin);

        Assert.Equal(Enumerable.Range(0, 4).Select(id => KeyValuePair.Create(rocketmq.Queue(id), 0L)), offsets.OrderBy(pair => pair.Key));
        await rocketmq.Recorder.UntilAsync(80);
        await rocketmq.UntilCommittedAsync(40);
        Assert.All(rocketmq.Recorder.Bodies.GroupBy(body => body), copies => Assert.Equal(2, copies.Count()));
    }

    [Theory]
    [InlineData(Mode.Concurrent)]
    [InlineData(Mode.Orderly)]
    [InlineData(Mode.KeyOrdered)]
    public async Task What_was_in_work_before_a_seek_back_ends_and_does_not_push_the_offset_forward(Mode mode)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        var (begun, goOn) = (new TaskCompletionSource(), new TaskCompletionSource());
        await using var cluster = await rocketmq.ConsumeAsync(mode, messages =>
        {
            if (messages[0].QueueOffset < 10)
            {
                return Task.CompletedTask;
            }

            begun.TrySetResult();
            return goOn.Task;
        });
        await rocketmq.SendAsync(10);
        await rocketmq.UntilCommittedAsync(10);
        await rocketmq.SendAsync(1, first: 10);
        await begun.Task.WaitAsync(Eventually.Deadline);
        var management = rocketmq.Management(cluster);
        await management.PauseAsync(Orders);

        var seeking = management.SeekAsync(Orders, SeekTarget.Begin);
        goOn.SetResult();
        Assert.Equal(0, (await seeking)[rocketmq.Queue(0)]);
        await rocketmq.Recorder.UntilAsync(11);
        await ModesOfConsuming.StaysAsync(() => rocketmq.Committed() == 0 && rocketmq.Recorder.Count == 11);

        await management.ResumeAsync(Orders);
        await rocketmq.Recorder.UntilAsync(22);
        await rocketmq.UntilCommittedAsync(11);
        Assert.All(rocketmq.Recorder.Bodies.GroupBy(body => body), copies => Assert.Equal(2, copies.Count()));
    }

    /// <summary>Also when no new message comes that would show the queue's lanes that it is elsewhere.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_is_buffered_in_key_order_is_dropped(bool paused)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        var goOn = new TaskCompletionSource();
        await using var cluster = await rocketmq.ConsumeAsync(
            Mode.KeyOrdered,
            _ => goOn.Task,
            configure: options => (options.ConsumeThreadMin, options.ConsumeThreadMax, options.ConsumeBatchSize) = (1, 1, 1));
        await rocketmq.SendAsync(20, prepare: message => message.ShardingKey = $"key {Guid.NewGuid()}");
        await Eventually.TrueAsync(() => cluster.StatusOf(rocketmq.MyGroup)[0].Queues.Any(queue => queue is { InFlight: 1, CachedMessages: 20 }), "one is in work, the others are buffered");
        var management = rocketmq.Management(cluster);
        if (paused)
        {
            await management.PauseAsync(Orders);
        }

        Assert.Equal(20, (await management.SeekAsync(Orders, SeekTarget.End))[rocketmq.Queue(0)]);
        goOn.SetResult();
        await rocketmq.Recorder.UntilAsync(1);
        await management.ResumeAsync(Orders);
        await ModesOfConsuming.StaysAsync(() => rocketmq.Recorder.Count == 1);

        await rocketmq.SendAsync(1, first: 20);
        await rocketmq.UntilCommittedAsync(21);
        Assert.Equal(["0", "20"], rocketmq.Recorder.Bodies);
        await Eventually.TrueAsync(() => cluster.StatusOf(rocketmq.MyGroup)[0].SiloCachedBytes == 0, "all is given back");
    }

    /// <summary>Messages that came back, wait for a commit or are parked are charged to quotas that other queues share.</summary>
    [Theory]
    [InlineData(PoisonHandling.Block, true)]
    [InlineData(PoisonHandling.Block, false)]
    [InlineData(PoisonHandling.Park, true)]
    public async Task A_seek_of_an_orderly_queue_leaves_nothing_charged(PoisonHandling handling, bool fails)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        var failing = fails;
        await using var cluster = await rocketmq.ConsumeInOrderAsync(
            (messages, context, _) =>
            {
                // Without a failure nothing is committed: all that succeeds waits.
                context.AutoCommit = false;
                rocketmq.Recorder.Record(messages, new ConsumeContext(context.Group, context.Queue));
                return new(Volatile.Read(ref failing) ? ConsumeOrderlyResult.SuspendCurrentQueue : ConsumeOrderlyResult.Success);
            },
            options => (options.PoisonHandling, options.MaxReconsumeTimes, options.SuspendCurrentQueueTime) = (handling, 100_000, TimeSpan.FromMilliseconds(20)));
        await rocketmq.SendAsync(20, prepare: message => message.ShardingKey = $"key {message.Body.Span[^1] % 2}");
        var seen = 0;
        for (var round = 1; round <= 3; round++)
        {
            await Eventually.TrueAsync(() => rocketmq.Recorder.Count >= seen + 20, () => $"{seen + 20} deliveries; there are {rocketmq.Recorder.Count}, and {string.Join("; ", rocketmq.QueuesOf(cluster))}");
            seen = rocketmq.Recorder.Count;
            await rocketmq.Management(cluster).SeekAsync(Orders, SeekTarget.Begin);
        }

        await rocketmq.Management(cluster).SeekAsync(Orders, SeekTarget.End);

        await Eventually.TrueAsync(() => cluster.StatusOf(rocketmq.MyGroup)[0].SiloCachedBytes == 0, () => $"all bytes are given back; {cluster.StatusOf(rocketmq.MyGroup)[0].SiloCachedBytes} are not");
        var budgets = cluster.Silos.GetSiloServiceProvider(cluster.Silos.Silos[0].SiloAddress).GetRequiredService<ConsumerRegistry>()
            .Find(rocketmq.MyGroup)!.Budgets.Of(TestRocketMQ.Topic);
        Assert.Equal((0, 0, 0), (budgets.Group.Used, budgets.Topic.Used, budgets.TopicBytes.Used));
    }

    [Fact]
    public async Task What_is_buffered_is_dropped_and_what_a_listener_has_ends_first()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        var goOn = new TaskCompletionSource();
        await using var cluster = await rocketmq.ConsumeAsync(
            Mode.Concurrent,
            _ => goOn.Task,
            configure: options => (options.ConsumeThreadMin, options.ConsumeThreadMax, options.ConsumeBatchSize) = (1, 1, 1));
        await rocketmq.SendAsync(20);
        await Eventually.TrueAsync(() => cluster.StatusOf(rocketmq.MyGroup)[0].Queues.Any(queue => queue is { InFlight: > 0, CachedMessages: 20 }), "one is in work, the others are buffered");

        var seeking = rocketmq.Management(cluster).SeekAsync(ConsumerScope.OfQueue(rocketmq.Queue(0)), SeekTarget.AtOffset(15));
        await Eventually.TrueAsync(() => cluster.StatusOf(rocketmq.MyGroup)[0].Queues.Any(queue => queue is { InFlight: > 0, CachedMessages: 1 }), "what was buffered is dropped");
        await ModesOfConsuming.StaysAsync(() => !seeking.IsCompleted);
        goOn.SetResult();

        Assert.Equal(15, (await seeking)[rocketmq.Queue(0)]);
        await rocketmq.UntilCommittedAsync(20);
        Assert.Equal(["0", "15", "16", "17", "18", "19"], rocketmq.Recorder.Bodies);
    }

    [Fact]
    public async Task Every_silo_of_a_broadcasting_group_begins_again()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 2);
        await using var cluster = await rocketmq.ConsumeAsync(Mode.Concurrent, _ => Task.CompletedTask, silos: 2, configure: options => options.MessageModel = MessageModel.Broadcasting);
        await rocketmq.SendAsync(10);
        await rocketmq.Recorder.UntilAsync(20);

        await rocketmq.Management(cluster).SeekAsync(ConsumerScope.Everything, SeekTarget.Begin);

        await rocketmq.Recorder.UntilAsync(40);
        Assert.All(rocketmq.Recorder.Bodies.GroupBy(body => body), copies => Assert.Equal(4, copies.Count()));
    }

    [Fact]
    public async Task A_group_that_is_stopped_everywhere_begins_there_when_it_is_started()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await rocketmq.ConsumeAsync(silos: 2);
        await rocketmq.SendAsync(10);
        await rocketmq.UntilCommittedAsync(10);
        await cluster.Consumer(rocketmq.MyGroup).StopAsync();
        await cluster.Consumer(rocketmq.MyGroup, silo: 1).StopAsync();

        var offsets = await rocketmq.Management(cluster).SeekAsync(Orders, SeekTarget.AtTime(DateTimeOffset.UnixEpoch));

        Assert.Equal(0, offsets[rocketmq.Queue(0)]);
        Assert.Equal(0, rocketmq.Committed());
        await cluster.Consumer(rocketmq.MyGroup).StartAsync();
        await rocketmq.UntilCommittedAsync(10);
        Assert.Equal(20, rocketmq.Recorder.Count);
    }

    [Fact]
    public async Task A_queue_that_stopped_because_of_failures_goes_on_behind_them()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.SendAsync(10);
        var fault = rocketmq.Faults.Inject(Fault.Answer(ResponseCodes.SystemError) with { RequestCode = RequestCodes.PullMessage });
        await using var cluster = await rocketmq.ConsumeAsync(
            configure: options => (options.AutoRecovery, options.MaxRetryTimes, options.RetryInterval) = (false, 2, TimeSpan.FromMilliseconds(20)));
        await Eventually.TrueAsync(() => cluster.StatusOf(rocketmq.MyGroup)[0].Queues.Any(queue => queue.HasFailed), "the queue has stopped");
        fault.Dispose();

        await rocketmq.Management(cluster).SeekAsync(Orders, SeekTarget.End);

        await rocketmq.SendAsync(1, first: 10);
        await rocketmq.UntilCommittedAsync(11);
        Assert.Equal(["10"], rocketmq.Recorder.Bodies);
    }

    [Fact]
    public async Task Wrong_places_are_refused_by_name_and_nothing_moves()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 2);
        await using var cluster = await rocketmq.ConsumeAsync();
        await rocketmq.SendAsync(20);
        await rocketmq.UntilCommittedAsync(20);
        var management = rocketmq.Management(cluster);
        var queue = ConsumerScope.OfQueue(rocketmq.Queue(1));

        await RefusesAsync(queue, SeekTarget.AtOffset(11), "Offset is '11', expected 0 to 10");
        await RefusesAsync(Orders, SeekTarget.AtOffset(5), "Scope is 'topic orders', expected one queue");
        await RefusesAsync(ConsumerScope.OfTopic("nobodys"), SeekTarget.Begin, "Topic is 'nobodys', expected one the group subscribes to: orders");
        await RefusesAsync(ConsumerScope.OfQueue(rocketmq.Queue(7)), SeekTarget.Begin, "expected one the topic orders has");
        Assert.Throws<RocketMQValidationException>(() => SeekTarget.AtOffset(-1));
        await Assert.ThrowsAsync<ConsumerStateException>(
            () => cluster.Silos.Client.GetGrain<IConsumerGroupManagementGrain>("nobodys").SeekAsync(ConsumerScope.Everything, SeekTarget.End));
        Assert.Equal(20, rocketmq.Committed());
        Assert.Equal(20, rocketmq.Recorder.Count);

        async Task RefusesAsync(ConsumerScope scope, SeekTarget target, string message)
        {
            var refused = await Assert.ThrowsAsync<RocketMQValidationException>(() => management.SeekAsync(scope, target));
            Assert.Contains(message, refused.Message, StringComparison.Ordinal);
        }
    }
}
