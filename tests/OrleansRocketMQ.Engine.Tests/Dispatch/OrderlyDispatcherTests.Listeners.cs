using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Flow;
using OrleansRocketMQ.Engine.Locks;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Tests.Support;
using OrleansRocketMQ.Telemetry;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Engine.Tests.Dispatch;

/// <summary>Listeners that refuse or cannot be reached, and queues that stop.</summary>
public sealed partial class OrderlyDispatcherTests
{
    [Fact]
    public void A_listener_that_cannot_be_reached_is_tried_again_after_a_while_and_that_is_no_attempt()
    {
        var queue = Filled(2);
        _lab.Listeners.ConsumeInOrder = static (_, _) => throw new InvalidOperationException("no such grain");
        _lab.Signal(_lab.Orderly(), queue);
        Assert.Equal([182], _lab.Log.Ids);
        Assert.Equal("no such grain", Assert.Single(queue.Failures).Message);
        Assert.Equal(0, queue.Runs.InFlight);

        Succeed();
        _lab.World.Wait(0.9);
        Assert.Single(_lab.Listeners.Calls);
        _lab.World.Wait(0.2);

        Assert.Equal([0L, 0L, 1L], _lab.Listeners.Given);
        Assert.Equal((2L, 0), (queue.Watermark, queue.Metrics["failed"]));
    }

    [Fact]
    public void A_listener_that_refuses_is_asked_for_before_the_next_call()
    {
        var queue = Filled(1);
        var (refuses, isReady) = (true, false);
        _lab.Listeners.ConsumeInOrder = (call, _) => refuses ? Task.FromResult(OrderlyOutcome.Refused) : FakeListeners.Succeed(call);
        _lab.Listeners.IsReady = _ => Task.FromResult(isReady);
        var dispatcher = _lab.Orderly();
        _lab.Signal(dispatcher, queue);
        Assert.Empty(_lab.Listeners.AskedIfReady);
        _lab.World.Wait(0.1);
        Assert.Equal(2, _lab.Listeners.AskedIfReady.Count);
        Assert.Single(_lab.Listeners.Calls);

        (refuses, isReady) = (false, true);
        _lab.World.Wait(0.1);
        Assert.Equal(1, queue.Watermark);
        var asked = _lab.Listeners.AskedIfReady.Count;
        queue.Add(1);
        _lab.Signal(dispatcher, queue);
        Assert.Equal((2L, asked), (queue.Watermark, _lab.Listeners.AskedIfReady.Count));
    }

    [Fact]
    public void Where_listeners_move_they_are_asked_before_they_are_given_anything()
    {
        var queue = Filled(1);
        queue.DoListenersMove = true;
        _lab.Listeners.IsReady = static _ => Task.FromResult(false);
        _lab.Signal(_lab.Orderly(), queue);
        Assert.Empty(_lab.Listeners.Calls);

        _lab.Listeners.IsReady = static _ => Task.FromResult(true);
        _lab.World.Wait(0.1);

        Assert.Equal(1, queue.Watermark);
    }

    [Fact]
    public void A_result_that_comes_after_the_lock_is_lost_counts_nothing_and_the_messages_come_again()
    {
        var queue = Filled(2);
        var hold = new QueueLockLease(TimeSpan.FromMinutes(1), _lab.World.Time.GetTimestamp(), _lab.World.Runtime);
        queue.Ownership = queue.Ownership.Next(hold, queue.Stopping, queue.Abandoned);
        var result = new TaskCompletionSource<OrderlyOutcome>();
        _lab.Listeners.ConsumeInOrder = (_, _) => result.Task;
        var dispatcher = _lab.Orderly();
        _lab.Signal(dispatcher, queue);
        Assert.Equal(1, _lab.Listeners.OrderlyCalls[0].LeaseNumber);
        hold.End();
        result.SetResult(new(1, 1, null, 1, TimeSpan.FromMilliseconds(1)));
        _lab.World.Steps.Run();

        Assert.Equal((0L, 0, 2), (queue.Watermark, queue.Runs.InFlight, queue.Runs.Window.Count));
        Assert.False(dispatcher.Describe(queue, Snapshot(queue)).Orderly!.IsLocked);
        Succeed();
        _lab.World.Wait(10);
        Assert.Single(_lab.Listeners.Calls);

        var next = new QueueLockLease(TimeSpan.FromMinutes(1), _lab.World.Time.GetTimestamp(), _lab.World.Runtime);
        queue.Ownership = queue.Ownership.Next(next, queue.Stopping, queue.Abandoned);
        _lab.Signal(dispatcher, queue);
        Assert.Equal([0L, 0L, 1L], _lab.Listeners.Given);
        Assert.Equal(2, queue.Watermark);
    }

    [Fact]
    public void A_queue_that_stops_lets_its_call_end_tells_its_listener_that_it_leaves_and_is_forgotten()
    {
        var queue = Filled(3);
        var result = new TaskCompletionSource<OrderlyOutcome>();
        _lab.Listeners.ConsumeInOrder = (_, _) => result.Task;
        var dispatcher = _lab.Orderly();
        _lab.Signal(dispatcher, queue);
        var stopping = _lab.World.Begin(dispatcher.StopAsync);

        queue.Stop();
        _lab.World.Steps.Run();
        Assert.False(stopping.IsCompleted);
        result.SetResult(new(1, 1, null, 1, TimeSpan.FromMilliseconds(1)));
        _lab.World.Steps.Run();

        Assert.True(stopping.IsCompletedSuccessfully);
        Assert.Equal((1L, 0, 1), (queue.Watermark, queue.Runs.InFlight, _lab.Listeners.Left));
        Assert.Single(_lab.Listeners.Calls);
        Assert.Null(dispatcher.Describe(queue, Snapshot(queue)).Orderly);
        Assert.Equal(0, dispatcher.InFlightOf(queue));
        _lab.Signal(dispatcher, queue);
        Assert.Single(_lab.Listeners.Made);
    }

    [Fact]
    public void A_queue_that_stops_while_it_waits_for_its_turn_makes_no_call_and_others_have_the_turn()
    {
        _lab.Options.ConsumeThreadMax = 1;
        var queues = new[] { Filled(1, 0), Filled(1, 1), Filled(1, 2) };
        var held = new TaskCompletionSource();
        _lab.Listeners.ConsumeInOrder = async (call, _) =>
        {
            await held.Task;
            return await FakeListeners.Succeed(call);
        };
        var dispatcher = _lab.Orderly();
        _lab.Signal(dispatcher, queues);

        queues[1].Stop();
        _lab.World.Steps.Run();
        Assert.Null(dispatcher.Describe(queues[1], Snapshot(queues[1])).Orderly);
        Assert.Equal(0, queues[1].Runs.InFlight);
        Assert.Single(_lab.Listeners.Calls);

        held.SetResult();
        _lab.World.Steps.Run();
        Assert.Equal([1L, 0L, 1L], queues.Select(queue => queue.Watermark));
    }

    [Fact]
    public void A_queue_that_is_told_of_while_its_listener_works_makes_no_second_call()
    {
        var queue = Filled(2);
        var held = new TaskCompletionSource();
        _lab.Listeners.ConsumeInOrder = async (call, _) =>
        {
            await held.Task;
            return await FakeListeners.Succeed(call);
        };
        var dispatcher = _lab.Orderly();
        _lab.Signal(dispatcher, queue, queue, queue);
        Assert.Single(_lab.Listeners.Calls);

        held.SetResult();
        _lab.World.Steps.Run();
        Assert.Equal([0L, 1L], _lab.Listeners.Given);
    }

    [Fact]
    public void What_came_back_as_a_long_run_comes_again_in_short_ones_when_its_listener_has_become_slow()
    {
        var queue = Filled(8);
        TeachLongRuns(queue);
        _lab.Listeners.ConsumeInOrder = static (_, _) => throw new InvalidOperationException("no such grain");
        queue.Add(4);
        _lab.Signal(_dispatcher!, queue);
        Assert.Equal(":8,9,10,11", _lab.Listeners.Texts[^1]);
        for (var run = 0; run < 40; run++)
        {
            _dispatcher!.AdaptiveBatchSizer.Learn(TimeSpan.FromMilliseconds(10), 1);
        }

        Succeed();
        _lab.World.Wait(1);

        Assert.Equal([":8", ":9", ":10", ":11"], _lab.Listeners.Texts.TakeLast(4));
        Assert.Equal(12, queue.Watermark);
    }

    [Fact]
    public void Of_a_batch_no_more_is_handed_out_than_the_rate_allows_and_the_rest_keeps_its_place()
    {
        _lab.Options.ConsumeBatchSize = 5;
        var queue = Filled(5);
        var dispatcher = _lab.Orderly();
        using var rate = new TopicRate(2, _lab.World.Time, () => dispatcher.Signal(queue));
        queue.Runs.Gate.Set(paused: false, rate);
        _lab.Signal(dispatcher, queue);
        Assert.Empty(_lab.Listeners.Calls);

        _lab.World.Wait(1.1);
        Assert.Equal([":0", ":1"], _lab.Listeners.Texts);
        _lab.World.Wait(1.6);

        Assert.Equal([":0", ":1", ":2", ":3", ":4"], _lab.Listeners.Texts);
        Assert.Equal(5, queue.Watermark);
    }

    [Theory]
    [InlineData(true, false, 0)]
    [InlineData(false, true, 0)]
    [InlineData(false, false, 1)]
    public void Only_a_listener_that_was_called_hears_that_its_queue_leaves_and_only_when_the_group_goes_on(
        bool stops, bool isEmpty, int told)
    {
        var queue = _lab.Queue();
        if (!isEmpty)
        {
            queue.Add(1);
        }

        queue.IsGroupStopping = stops;
        _lab.Signal(_lab.Orderly(), queue);
        queue.Stop();
        _lab.World.Steps.Run();

        Assert.Equal(told, _lab.Listeners.Left);
    }

    [Fact]
    public void A_listener_that_does_not_answer_when_its_queue_leaves_is_not_waited_for()
    {
        var queue = Filled(1);
        _lab.Listeners.QueueLeft = static () => new TaskCompletionSource().Task;
        var dispatcher = _lab.Orderly();
        _lab.Signal(dispatcher, queue);
        queue.Stop();
        _lab.World.Wait(4.9);
        Assert.NotNull(dispatcher.Describe(queue, Snapshot(queue)).Orderly);

        _lab.World.Wait(0.2);
        Assert.Null(dispatcher.Describe(queue, Snapshot(queue)).Orderly);
        Assert.Equal([188], _lab.Log.Ids);
    }

    [Fact]
    public void When_the_time_to_stop_is_over_a_call_is_given_up_and_its_messages_stay()
    {
        var queue = Filled(1);
        _lab.Listeners.ConsumeInOrder = static (_, token) => new TaskCompletionSource<OrderlyOutcome>().Task.WaitAsync(token);
        var dispatcher = _lab.Orderly();
        _lab.Signal(dispatcher, queue);

        queue.Stop();
        var told = queue.Progress;
        queue.Abandon();
        _lab.World.Steps.Run();

        Assert.Equal((0L, 0), (queue.Watermark, queue.Runs.InFlight));
        Assert.True(queue.Progress > told);
        Assert.Empty(queue.Failures);
        Assert.Null(dispatcher.Describe(queue, Snapshot(queue)).Orderly);
    }

    [Fact]
    public void A_step_that_fails_where_nothing_should_is_told_of_and_its_messages_come_again()
    {
        var queue = Filled(3);
        queue.Metrics.Fault = static () => new InvalidOperationException("unexpected");
        _lab.Signal(_lab.Orderly(), queue);
        Assert.Equal([186], _lab.Log.Ids);
        Assert.Equal("unexpected", Assert.Single(queue.Failures).Message);
        Assert.Equal(0, queue.Runs.InFlight);

        queue.Metrics.Fault = static () => null;
        _lab.World.Wait(0.9);
        Assert.Single(_lab.Listeners.Calls);
        _lab.World.Wait(0.2);

        Assert.Equal([0L, 0L, 1L, 2L], _lab.Listeners.Given);
        Assert.Equal(3, queue.Watermark);
    }

    [Fact]
    public void A_queue_that_stops_does_not_wait_for_the_attempt_after_a_step_that_failed()
    {
        _lab.Options.RetryInterval = TimeSpan.FromMinutes(5);
        var queue = Filled(3);
        queue.Metrics.Fault = static () => new InvalidOperationException("unexpected");
        var dispatcher = _lab.Orderly();
        _lab.Signal(dispatcher, queue);
        var stopping = _lab.World.Begin(dispatcher.StopAsync);
        Assert.False(stopping.IsCompleted);

        queue.Stop();
        _lab.World.Steps.Run();

        Assert.True(stopping.IsCompletedSuccessfully);
        Assert.Null(dispatcher.Describe(queue, Snapshot(queue)).Orderly);
    }

    [Fact]
    public void The_time_of_a_listener_that_fails_counts_too()
    {
        var queue = Filled(1);
        FailOn(0);
        _lab.Signal(_lab.Orderly(), queue);
        _lab.World.Wait(1.1);

        Assert.Equal(2, _lab.Listeners.Calls.Count);
        Assert.Equal((TimeSpan.FromMilliseconds(2).Ticks, 2L), (queue.Statistics.Totals().ListenerTicks, queue.Statistics.Totals().Failed));
    }

    [Fact]
    public void A_parked_step_that_fails_where_nothing_should_leaves_its_messages_parked()
    {
        _lab.Options.PoisonHandling = PoisonHandling.Park;
        var queue = _lab.Queue();
        queue.Add("a", "a");
        FailOn(0);
        _lab.Signal(_lab.Orderly(), queue);
        Succeed();
        queue.Metrics.Fault = static () => new InvalidOperationException("unexpected");
        _lab.World.Wait(1.1);
        Assert.Equal([185, 186], _lab.Log.Ids);
        Assert.Equal(0, queue.Runs.InFlight);

        queue.Metrics.Fault = static () => null;
        _lab.World.Wait(3);
        Assert.Equal(2, queue.Watermark);
    }

    [Theory]
    [InlineData(true, 0)]
    [InlineData(false, 1)]
    public void Where_counts_are_kept_in_memory_only_it_is_told_once(bool withStorage, int told)
    {
        var dispatcher = _lab.Orderly(withStorage);

        Assert.Equal(told, _lab.Log.Count(181));
        Assert.Equal(withStorage, dispatcher.Storage is not null);
    }

    [Fact]
    public void Failures_counted_elsewhere_lead_to_the_dead_letters_here()
    {
        _lab.Options.MaxReconsumeTimes = 3;
        var queue = Filled(2);
        var message = TestMessages.At(0);
        _lab.World.Do(async () =>
        {
            var record = await _lab.Failures.ReadAsync(queue.Queue, CancellationToken.None);
            await record.WriteAsync(new FailureList([new(0, message.MessageId, 3)]), CancellationToken.None);
        });
        FailOn(0);

        _lab.Signal(_lab.Orderly(), queue);

        Assert.Equal([0L, 1L], _lab.Listeners.Given);
        Assert.Single(_lab.Brokers.Copies);
        Assert.Equal((2L, 0), (queue.Watermark, _lab.Failures.Count));
        Assert.Equal([ErrorTypes.SuspendCurrentQueue], queue.Metrics.ErrorTypes);
    }
}
