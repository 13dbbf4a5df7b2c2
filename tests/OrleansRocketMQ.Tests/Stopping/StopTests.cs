using Microsoft.Extensions.DependencyInjection;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Tests.Infrastructure;
using OrleansRocketMQ.Tests.Management;

namespace OrleansRocketMQ.Tests.Stopping;

/// <summary>At the stop: no more calls, those that run may finish, their offsets are committed, and the silo leaves the group.</summary>
public sealed class StopTests
{
    [Fact]
    public async Task Listeners_that_run_may_finish_nothing_else_is_dispatched_and_all_that_is_done_is_committed()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.SendAsync(50);
        var release = new TaskCompletionSource();
        var calls = 0;
        var cluster = await rocketmq.ConsumeAsync(
            async (messages, context, _) =>
            {
                Interlocked.Increment(ref calls);
                await release.Task;
                rocketmq.Recorder.Record(messages, context);
                return ConsumeResult.Success;
            },
            options =>
            {
                options.PersistInterval = TimeSpan.FromHours(1);
                (options.ConsumeThreadMin, options.ConsumeThreadMax) = (4, 4);
            });
        await using var watch = OffsetWatch.Over(rocketmq);
        await Eventually.TrueAsync(() => Volatile.Read(ref calls) == 4, "four calls");
        var pump = cluster.Silos.GetSiloServiceProvider(cluster.Silos.Silos[0].SiloAddress).GetRequiredService<ConsumerRegistry>()
            .Find(rocketmq.MyGroup)!.Pumps.Values.Single(pump => pump.Queue.Topic == TestRocketMQ.Topic);

        var stopping = cluster.DisposeAsync().AsTask();
        await Eventually.TrueAsync(() => pump.Stopping.IsCancellationRequested, "the queue stops");
        Assert.False(stopping.IsCompleted);
        Assert.NotEmpty(rocketmq.Broker.ClientsOf(rocketmq.MyGroup));
        release.SetResult();
        await stopping.WaitAsync(TimeSpan.FromSeconds(15));

        // A call may have had a run of several messages; what it had begun it ends, and no slot takes another one.
        Assert.InRange(calls, 4, 8);
        Assert.Equal(calls, rocketmq.Recorder.Count);
        Assert.Equal(rocketmq.Recorder.Deliveries.Count, rocketmq.Committed());
        Assert.Empty(rocketmq.Broker.ClientsOf(rocketmq.MyGroup));
        await Eventually.TrueAsync(() => rocketmq.Broker.ConnectionCount == 1, "only the test itself is connected");
    }

    [Fact]
    public async Task A_message_that_finishes_out_of_order_does_not_drag_the_offset_over_one_that_does_not()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.SendAsync(20);
        await using (await rocketmq.ConsumeAsync(
            async (messages, context, cancellationToken) =>
            {
                rocketmq.Recorder.Record(messages, context);
                if (messages[0].QueueOffset == 5)
                {
                    await Task.Delay(Timeout.Infinite, cancellationToken);
                }

                return ConsumeResult.Success;
            },
            setUp: options => options.ShutdownTimeout = TimeSpan.FromMilliseconds(200)))
        {
            await rocketmq.UntilAllCameAsync(20);
        }

        Assert.Equal(5, rocketmq.Committed());
        Assert.Empty(rocketmq.Broker.ClientsOf(rocketmq.MyGroup));
        await using var again = await rocketmq.ConsumeAsync();
        await rocketmq.UntilCommittedAsync(20);
        Assert.Equal(20 + 15, rocketmq.Recorder.Count);
    }

    [Fact]
    public async Task A_listener_that_hangs_gets_its_token_and_the_stop_ends()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.SendAsync(3);
        var told = new TaskCompletionSource();
        var never = new TaskCompletionSource();
        var cluster = await rocketmq.ConsumeAsync(
            async (messages, context, cancellationToken) =>
            {
                rocketmq.Recorder.Record(messages, context);
                cancellationToken.Register(() => told.TrySetResult());
                await never.Task;
                return ConsumeResult.Success;
            },
            setUp: options => options.ShutdownTimeout = TimeSpan.FromMilliseconds(300));
        await rocketmq.UntilAllCameAsync(3);
        Assert.False(told.Task.IsCompleted);

        await cluster.DisposeAsync().AsTask().WaitAsync(Eventually.Deadline);

        Assert.True(told.Task.IsCompleted);
        Assert.Equal(0, rocketmq.Committed());
        Assert.Empty(rocketmq.Broker.ClientsOf(rocketmq.MyGroup));
        never.SetResult();
    }

    [Theory]
    [InlineData(Mode.Concurrent)]
    [InlineData(Mode.Orderly)]
    [InlineData(Mode.KeyOrdered)]
    public async Task What_listeners_register_with_their_tokens_may_throw_or_block_and_hurts_neither_the_stop_nor_each_other(Mode mode)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 2);
        var (begun, told) = (0, 0);
        using var block = new ManualResetEventSlim();
        var never = new TaskCompletionSource();
        Task HangAsync(MessageBatch messages, CancellationToken cancellationToken)
        {
            // An exception here ends the process when it is thrown on the thread of a timer.
            var number = Interlocked.Increment(ref begun);
            cancellationToken.Register(() =>
            {
                Interlocked.Increment(ref told);
                if (number == 1)
                {
                    throw new InvalidOperationException("a listener's own");
                }

                block.Wait(CancellationToken.None);
            });
            return never.Task;
        }

        var cluster = await rocketmq.ConsumeAsync(mode, HangAsync, silos: 1, configure: null, setUp: options => options.ShutdownTimeout = TimeSpan.FromMilliseconds(300));
        await rocketmq.SendAsync(2, prepare: message => message.ShardingKey = Guid.NewGuid().ToString());
        await Eventually.TrueAsync(() => Volatile.Read(ref begun) == 2, "two calls");

        await cluster.DisposeAsync().AsTask().WaitAsync(Eventually.Deadline);

        await Eventually.TrueAsync(() => Volatile.Read(ref told) == 2, "both are told");
        Assert.Equal(0, rocketmq.Committed());
        block.Set();
        never.SetResult();
    }

    [Fact]
    public async Task A_callback_of_a_listener_on_its_token_that_fails_ends_neither_the_process_nor_the_stop()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.SendAsync(1);
        var (told, never) = (new TaskCompletionSource(), new TaskCompletionSource());
        var cluster = await rocketmq.ConsumeAsync(
            async (messages, context, cancellationToken) =>
            {
                rocketmq.Recorder.Record(messages, context);
                cancellationToken.Register(() =>
                {
                    told.TrySetResult();
                    throw new InvalidOperationException("The listener's callback fails.");
                });
                await never.Task;
                return ConsumeResult.Success;
            },
            setUp: options => options.ShutdownTimeout = TimeSpan.FromMilliseconds(300));
        await rocketmq.Recorder.UntilAsync(1);

        await cluster.DisposeAsync().AsTask().WaitAsync(Eventually.Deadline);

        Assert.True(told.Task.IsCompleted);
        Assert.Empty(rocketmq.Broker.ClientsOf(rocketmq.MyGroup));
        never.SetResult();
    }

    [Fact]
    public async Task A_listeners_callback_that_throws_when_its_time_is_over_ends_neither_the_stop_nor_the_process()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.SendAsync(1);
        var told = new TaskCompletionSource();
        var never = new TaskCompletionSource();
        var cluster = await rocketmq.ConsumeAsync(
            async (messages, context, cancellationToken) =>
            {
                rocketmq.Recorder.Record(messages, context);
                cancellationToken.Register(() =>
                {
                    told.TrySetResult();
                    throw new InvalidOperationException("a callback of the listener's own");
                });
                await never.Task;
                return ConsumeResult.Success;
            },
            setUp: options => options.ShutdownTimeout = TimeSpan.FromMilliseconds(300));
        await rocketmq.UntilAllCameAsync(1);

        await cluster.DisposeAsync().AsTask().WaitAsync(Eventually.Deadline);

        Assert.True(told.Task.IsCompleted);
        Assert.Equal(0, rocketmq.Committed());
        never.SetResult();
    }

    [Fact]
    public async Task A_stop_in_the_middle_of_much_work_loses_nothing_and_repeats_nothing_that_was_done()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 4);
        await rocketmq.SendAsync(400);
        await using var watch = OffsetWatch.Over(rocketmq);
        for (var round = 1; round <= 3; round++)
        {
            await using var cluster = await rocketmq.ConsumeAsync(
                async (messages, context, _) =>
                {
                    await Task.Delay(5, CancellationToken.None);
                    rocketmq.Recorder.Record(messages, context);
                    return ConsumeResult.Success;
                },
                options => options.ConsumeBatchSize = 3);
            await rocketmq.Recorder.UntilAsync(100 * round);
        }

        await using var last = await rocketmq.ConsumeAsync();
        await rocketmq.UntilAllCameAsync(400);
        await rocketmq.UntilCommittedAsync(400);
        Assert.Equal(400, rocketmq.Recorder.Count);
    }

    [Fact]
    public async Task Two_silos_that_come_and_go_under_load_lose_nothing()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 6);
        await using var watch = OffsetWatch.Over(rocketmq);
        await using var cluster = await rocketmq.ConsumeAsync(async (messages, context, _) =>
        {
            await Task.Yield();
            rocketmq.Recorder.Record(messages, context);
            return ConsumeResult.Success;
        });
        var sending = rocketmq.SendAsync(1500);

        var second = await cluster.Silos.StartAdditionalSiloAsync();
        await UntilSharedAsync(cluster, rocketmq, [3, 3]);
        await cluster.Silos.StopSiloAsync(second);
        await UntilSharedAsync(cluster, rocketmq, [6]);
        await sending;
        await rocketmq.UntilAllCameAsync(1500);

        await rocketmq.UntilCommittedAsync(1500);
        Assert.Equal(1500, rocketmq.Recorder.Count);
    }

    [Fact]
    public async Task A_queue_that_goes_to_a_new_silo_takes_its_offset_along()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 8);
        await using var cluster = await rocketmq.ConsumeAsync();
        await Eventually.TrueAsync(
            () => cluster.StatusOf(rocketmq.MyGroup).Single().Queues.Count(queue => queue.NextPullOffset >= 0) == 9, "the retry queue runs too");
        var before = rocketmq.Faults.RequestsSeen(Protocol.RequestCodes.QueryConsumerOffset);

        await cluster.Silos.StartAdditionalSiloAsync();
        await UntilSharedAsync(cluster, rocketmq, [4, 4]);

        // Only a queue that is started without knowing where it was asks the broker.
        Assert.Equal(before, rocketmq.Faults.RequestsSeen(Protocol.RequestCodes.QueryConsumerOffset));
    }

    private static Task UntilSharedAsync(TestCluster cluster, TestRocketMQ rocketmq, int[] shares) => Eventually.TrueAsync(
        () => Shares(cluster, rocketmq).SequenceEqual(shares), () => $"shares of {string.Join(" and ", shares)}; they are {string.Join(" and ", Shares(cluster, rocketmq))}");

    private static IEnumerable<int> Shares(TestCluster cluster, TestRocketMQ rocketmq) => cluster.StatusOf(rocketmq.MyGroup)
        .Select(status => status.Queues.Count(queue => queue.Queue.Topic == TestRocketMQ.Topic && queue.NextPullOffset >= 0))
        .OrderDescending();
}
