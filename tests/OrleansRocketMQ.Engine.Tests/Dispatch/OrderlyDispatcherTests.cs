using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Dispatch;
using OrleansRocketMQ.Engine.Dispatch.Orderly;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Tests.Support;
using OrleansRocketMQ.Telemetry;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Engine.Tests.Dispatch;

/// <summary>A queue's messages come in order, one batch after the other, and only while the queue may be worked on.</summary>
public sealed partial class OrderlyDispatcherTests
{
    private readonly DispatchLab _lab = new();

    [Fact]
    public void Messages_come_in_order_and_are_committed_counted_and_done()
    {
        var queue = Filled(5);
        var dispatcher = _lab.Orderly();

        _lab.Signal(dispatcher, queue);

        Assert.Equal([0L, 1L, 2L, 3L, 4L], _lab.Listeners.Given);
        Assert.Equal((5L, 0, 5), (queue.Watermark, queue.Runs.InFlight, queue.Metrics["succeeded"]));
        Assert.Single(_lab.Listeners.Made);
        Assert.True(dispatcher.KeepsFailedMessages);
        Assert.Empty(_lab.Log.Ids);
        Assert.False(dispatcher.Describe(queue, Snapshot(queue)).Orderly!.IsSuspended);
        Assert.Equal(TimeSpan.FromMilliseconds(5).Ticks, queue.Statistics.Totals().ListenerTicks);
        Assert.All(_lab.Listeners.OrderlyCalls, call =>
        {
            Assert.Equal((queue.Queue, 1, AdaptiveBatchSizer.Limit, 0), (call.Queue, call.BatchSize, call.TimeLimit, call.LeaseNumber));
            Assert.True(call.AutoCommit && call.MayDecideCommit);
            Assert.Null(call.ReconsumeTimes);
            Assert.Same(queue.Ownership, call.Ownership);
        });
    }

    [Fact]
    public void A_run_that_has_waited_for_its_turn_is_not_given_to_a_listener_behind_a_fence_that_has_closed_by_the_clock()
    {
        _lab.Options.ConsumeThreadMax = 1;
        var queues = new[] { Filled(1, 0), Filled(1, 1) };
        var held = new TaskCompletionSource();
        _lab.Listeners.ConsumeInOrder = async (call, _) =>
        {
            await held.Task;
            return await FakeListeners.Succeed(call);
        };
        var dispatcher = _lab.Orderly();
        _lab.Signal(dispatcher, queues);
        Assert.Equal(1, queues[1].Runs.InFlight);
        var isInDoubt = true;
        queues[1].Runs.Gate.IsInDoubt = () => isInDoubt;

        held.SetResult();
        _lab.World.Steps.Run();
        Assert.Equal((1, 0), (_lab.Listeners.Calls.Count, queues[1].Runs.InFlight));

        isInDoubt = false;
        _lab.Signal(dispatcher, queues);
        Assert.Equal([1L, 1L], queues.Select(queue => queue.Watermark));
    }

    [Fact]
    public void One_call_of_a_queue_runs_at_a_time_and_of_all_queues_no_more_than_may()
    {
        _lab.Options.ConsumeThreadMax = 2;
        var queues = Enumerable.Range(0, 3).Select(number => Filled(2, number)).ToArray();
        var held = new TaskCompletionSource();
        _lab.Listeners.ConsumeInOrder = async (call, _) =>
        {
            await held.Task;
            return await FakeListeners.Succeed(call);
        };
        var dispatcher = _lab.Orderly();
        _lab.Signal(dispatcher, queues);
        Assert.Equal(2, _lab.Listeners.Calls.Count);
        Assert.Equal([1, 1, 0], queues.Select(dispatcher.InFlightOf));
        Assert.Equal(1, dispatcher.Describe(queues[0], Snapshot(queues[0])).InFlight);
        Assert.NotNull(queues[0].Running.Slowest());

        held.SetResult();
        _lab.World.Steps.Run();

        Assert.All(queues, queue => Assert.Equal(2, queue.Watermark));
        Assert.All(queues, queue => Assert.Equal(0, dispatcher.InFlightOf(queue)));
        Assert.Null(queues[0].Running.Slowest());
    }

    [Fact]
    public void What_fails_comes_again_after_a_pause_and_nothing_behind_it_before()
    {
        var queue = Filled(3);
        FailOn(1);
        var dispatcher = _lab.Orderly();
        _lab.Signal(dispatcher, queue);
        Assert.Equal([0L, 1L], _lab.Listeners.Given);
        Assert.Equal((1L, 1, 1), (queue.Watermark, queue.Metrics["failed"], queue.Metrics["retried"]));
        var orderly = dispatcher.Describe(queue, Snapshot(queue)).Orderly!;
        Assert.True(orderly.IsSuspended && orderly.IsLocked);
        Assert.Equal([(1L, 1)], orderly.Failing.Select(failing => (failing.Offset, failing.Count)));

        _lab.World.Wait(0.9);
        Assert.Equal(2, _lab.Listeners.Calls.Count);
        _lab.World.Wait(0.2);
        Assert.Equal([0L, 1L, 1L], _lab.Listeners.Given);
        Assert.Equal([1], _lab.Listeners.OrderlyCalls[^1].ReconsumeTimes!);
        Succeed();
        _lab.World.Wait(1);

        Assert.Equal([1L, 2L], _lab.Listeners.Given.TakeLast(2));
        Assert.Equal(3, queue.Watermark);
        orderly = dispatcher.Describe(queue, Snapshot(queue)).Orderly!;
        Assert.False(orderly.IsSuspended);
        Assert.Empty(orderly.Failing);
        Assert.Equal(0, _lab.Failures.Count);
    }

    [Theory]
    [InlineData(0, 0.01)]
    [InlineData(2, 2)]
    [InlineData(3600, 30)]
    public void The_listener_says_how_long_the_pause_is_within_bounds(double wanted, double waited)
    {
        var queue = Filled(1);
        _lab.Listeners.ConsumeInOrder = (
            _, _) => Stopped(0, new(1, IsRollback: false, TimeSpan.FromSeconds(wanted), AutoCommit: true, "bad"));
        _lab.Signal(_lab.Orderly(), queue);

        _lab.World.Wait(waited - 0.01);
        Assert.Single(_lab.Listeners.Calls);
        _lab.World.Wait(0.02);
        Assert.InRange(_lab.Listeners.Calls.Count, 2, 3);
    }

    [Fact]
    public void What_succeeded_before_a_failure_is_done_and_what_is_behind_it_comes_after_it()
    {
        _lab.Options.ConsumeBatchSize = 2;
        var queue = Filled(8);
        TeachLongRuns(queue);
        var first = true;
        _lab.Listeners.ConsumeInOrder = (call, _) =>
        {
            if (!first)
            {
                return FakeListeners.Succeed(call);
            }

            first = false;
            return Stopped(2, Failed(2));
        };
        queue.Add(6);
        _lab.Signal(_dispatcher!, queue);
        Assert.Equal(10, queue.Watermark);
        Assert.Equal((10, 2), (queue.Metrics["succeeded"], queue.Metrics["failed"]));

        var calls = _lab.Listeners.Calls.Count;
        _lab.World.Wait(1.1);

        Assert.Equal([10L, 11L, 12L, 13L], _lab.Listeners.Calls.Skip(calls).SelectMany(call => call.Offsets));
        Assert.Equal(14, queue.Watermark);
    }

    [Fact]
    public void A_message_that_has_failed_too_often_goes_to_the_dead_letters_and_its_queue_goes_on()
    {
        _lab.Options.MaxReconsumeTimes = 2;
        var queue = Filled(2);
        FailOn(0);
        _lab.Signal(_lab.Orderly(), queue);

        _lab.World.Wait(1.9);
        Assert.Empty(_lab.Brokers.Copies);
        _lab.World.Wait(0.2);

        Assert.Equal([0L, 0L, 0L, 1L], _lab.Listeners.Given);
        Assert.Equal(3, Assert.Single(_lab.Brokers.Copies).ReconsumeTimes);
        Assert.Equal((2L, 1, 2), (queue.Watermark, queue.Metrics["dead"], queue.Metrics["retried"]));
        Assert.Equal([184], _lab.Log.Ids);
        Assert.Contains("failed 3 times", _lab.Log.Texts[0], StringComparison.Ordinal);
        Assert.Equal(0, _lab.Failures.Count);
    }

    [Fact]
    public void Failures_of_a_whole_batch_are_stored_before_its_first_message_goes_to_the_dead_letters()
    {
        _lab.Options.MaxReconsumeTimes = 0;
        _lab.Options.ConsumeBatchSize = 3;
        var queue = Filled(3);
        _lab.Listeners.ConsumeInOrder = static (_, _) => Stopped(0, Failed(3));
        var held = new TaskCompletionSource();
        _lab.Brokers.Holds["copy"] = held.Task;

        _lab.Signal(_lab.Orderly(), queue);
        Assert.Equal([(0L, 1), (1L, 1), (2L, 1)], Stored());

        held.SetResult();
        _lab.World.Steps.Run();
        Assert.Equal((3L, 3, 1), (queue.Watermark, queue.Metrics["dead"], _lab.Failures.Writes));
        Assert.Null(Stored());
        Assert.All(_lab.Brokers.Copies, copy => Assert.Equal(1, copy.ReconsumeTimes));

        IEnumerable<(long, int)>? Stored()
            => _lab.Failures.ValueOf(queue.Queue)?.Messages.Select(static failures => (failures.Offset, failures.Count));
    }

    [Fact]
    public void A_dead_message_nobody_takes_stays_and_is_tried_again()
    {
        _lab.Options.MaxReconsumeTimes = 0;
        var queue = Filled(1);
        FailOn(0);
        _lab.Brokers.Faults["copy"] = static () => new BrokerNotAvailableException("away");
        _lab.Brokers.Faults["sendback"] = static () => new BrokerNotAvailableException("away");
        _lab.Signal(_lab.Orderly(), queue);
        Assert.Equal((0L, 1), (queue.Watermark, queue.Metrics["retried"]));

        _lab.Brokers.Faults.Clear();
        _lab.World.Wait(1.1);
        Assert.Equal(1, queue.Watermark);
    }

    [Fact]
    public void A_message_that_cannot_be_read_fails_without_a_listener_and_is_done_in_the_end()
    {
        _lab.Options.MaxReconsumeTimes = 1;
        var queue = _lab.Queue();
        queue.Add([TestMessages.UnreadableAt(0), TestMessages.At(1)]);
        _lab.Signal(_lab.Orderly(), queue);
        Assert.Empty(_lab.Listeners.Calls);
        Assert.Equal([183], _lab.Log.Ids);

        _lab.World.Wait(1.1);

        Assert.Equal([1L], _lab.Listeners.Given);
        Assert.Equal(2, queue.Watermark);
        Assert.Single(_lab.Brokers.SentBack);
    }

    [Fact]
    public void What_the_listener_does_not_commit_waits_until_it_does()
    {
        _lab.Options.AutoCommit = false;
        var queue = Filled(3);
        _lab.Listeners.ConsumeInOrder = (call, _) => Task.FromResult(new OrderlyOutcome(1, call.Messages[0].QueueOffset == 2
            ? 1
            : 0, null, 1, TimeSpan.FromMilliseconds(1)));
        var dispatcher = _lab.Orderly();
        _lab.Signal(dispatcher, queue);
        Assert.Equal(3, queue.Watermark);

        queue.Add(2);
        _lab.Signal(dispatcher, queue);
        Assert.Equal((3L, 2, 5), (queue.Watermark, queue.Runs.Window.Count, queue.Metrics["succeeded"]));
        Assert.Equal(2, dispatcher.Describe(queue, Snapshot(queue)).Orderly!.UncommittedMessages);
        Assert.False(_lab.Listeners.OrderlyCalls[0].AutoCommit);
    }

    [Fact]
    public void A_queue_full_of_what_is_not_committed_is_told_of_once()
    {
        _lab.Options.PullThresholdForQueue = 2;
        var queue = Filled(1);
        _lab.Listeners.ConsumeInOrder = static (_, _) => Task.FromResult(new OrderlyOutcome(1, 0, null, 1, TimeSpan.FromMilliseconds(1)));
        var dispatcher = _lab.Orderly();
        _lab.Signal(dispatcher, queue);
        Assert.Empty(_lab.Log.Ids);

        queue.Add(1);
        _lab.Signal(dispatcher, queue);
        queue.Add(1);
        _lab.Signal(dispatcher, queue);
        Assert.Equal([187], _lab.Log.Ids);

        queue.Restart(100);
        queue.Add(2);
        _lab.Signal(dispatcher, queue);
        Assert.Equal([187, 187], _lab.Log.Ids);
    }

    [Fact]
    public void A_rollback_brings_all_that_is_not_committed_again_and_counts_no_failure()
    {
        var queue = Filled(3);
        var rolls = true;
        _lab.Listeners.ConsumeInOrder = (call, _) => !rolls ? FakeListeners.Succeed(call)
            : call.Messages[0].QueueOffset < 2 ? Task.FromResult(new OrderlyOutcome(1, 0, null, 1, TimeSpan.FromMilliseconds(1)))
            : Stopped(0, new(1, IsRollback: true, null, AutoCommit: false, null));
        _lab.Signal(_lab.Orderly(), queue);
        Assert.Equal([0L, 1L, 2L], _lab.Listeners.Given);
        Assert.Equal(0, queue.Watermark);

        rolls = false;
        _lab.World.Wait(0.9);
        Assert.Equal(3, _lab.Listeners.Calls.Count);
        _lab.World.Wait(0.2);

        Assert.Equal([0L, 1L, 2L, 0L, 1L, 2L], _lab.Listeners.Given);
        Assert.Equal((3L, 0, 0), (queue.Watermark, queue.Metrics["failed"], _lab.Failures.Writes));
    }

    [Theory]
    [InlineData(true, 2)]
    [InlineData(false, 0)]
    public void When_the_last_of_a_batch_has_died_what_was_not_committed_is_if_it_may_be_at_once(bool autoCommit, int watermark)
    {
        _lab.Options.MaxReconsumeTimes = 0;
        var queue = Filled(2);
        _lab.Listeners.ConsumeInOrder = (call, _) => call.Messages[0].QueueOffset == 0
            ? Task.FromResult(new OrderlyOutcome(1, 0, null, 1, TimeSpan.FromMilliseconds(1)))
            : Stopped(0, Failed(1) with { AutoCommit = autoCommit });

        _lab.Signal(_lab.Orderly(), queue);

        Assert.Equal((watermark, 1), ((int)queue.Watermark, queue.Metrics["dead"]));
    }

    [Fact]
    public void What_was_not_committed_before_the_queue_began_anew_is_not_rolled_back()
    {
        var queue = Filled(2);
        var rolls = true;
        _lab.Listeners.ConsumeInOrder = (call, _) =>
        {
            if (call.Messages[0].QueueOffset < 100)
            {
                return Task.FromResult(new OrderlyOutcome(1, 0, null, 1, TimeSpan.FromMilliseconds(1)));
            }

            var outcome = rolls ? Stopped(0, new(1, IsRollback: true, null, AutoCommit: false, null)) : FakeListeners.Succeed(call);
            rolls = false;
            return outcome;
        };
        var dispatcher = _lab.Orderly();
        _lab.Signal(dispatcher, queue);
        queue.Restart(100);
        queue.Add(1);
        _lab.Signal(dispatcher, queue);

        _lab.World.Wait(1);

        Assert.Equal([0L, 1L, 100L, 100L], _lab.Listeners.Given);
        Assert.Equal(101, queue.Watermark);
    }

    private OrderlyDispatcher? _dispatcher;

    private static FailedBatch Failed(int count)
        => new(count, IsRollback: false, Pause: null, AutoCommit: true, "bad", ErrorTypes.SuspendCurrentQueue);

    private static Task<OrderlyOutcome> Stopped(int succeeded, FailedBatch stopped)
        => Task.FromResult(new OrderlyOutcome(succeeded, succeeded, stopped, succeeded + 1, TimeSpan.FromMilliseconds(1)));

    private static QueueSnapshot Snapshot(FakeQueue queue) => new() { Queue = queue.Queue, Owner = "me", Totals = new() };

    private FakeQueue Filled(int count, int number = 0)
    {
        var queue = _lab.Queue(number);
        queue.Add(count);
        return queue;
    }

    private void FailOn(long offset) => _lab.Listeners.ConsumeInOrder = (call, _) => call.Messages[0].QueueOffset == offset
        ? Stopped(0, Failed(1))
        : FakeListeners.Succeed(call);

    private void Succeed() => _lab.Listeners.ConsumeInOrder = (call, _) => FakeListeners.Succeed(call);

    /// <summary>Consumes what there is so fast that runs become long.</summary>
    private void TeachLongRuns(FakeQueue queue)
    {
        _lab.Listeners.ConsumeInOrder = static (call, _) => Task.FromResult(
            new OrderlyOutcome(call.Messages.Count, call.Messages.Count, null, 64, TimeSpan.Zero));
        _dispatcher = _lab.Orderly();
        for (var run = 0; run < 20; run++)
        {
            _dispatcher.AdaptiveBatchSizer.Learn(TimeSpan.Zero, 1);
        }

        _lab.Signal(_dispatcher, queue);
        Assert.Equal(8, queue.Watermark);
    }
}
