using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Dispatch;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Tests.Support;
using OrleansRocketMQ.Telemetry;

namespace OrleansRocketMQ.Engine.Tests.Dispatch;

/// <summary>Listeners that refuse, hang, cannot be reached, or are slow.</summary>
public sealed partial class ConcurrentDispatcherTests
{
    /// <summary>Finding F2.</summary>
    [Fact]
    public void A_refused_run_goes_back_once_even_when_its_listener_cannot_be_asked_afterwards()
    {
        _lab.Options.ConsumeBatchSize = 3;
        var queue = Filled(3);
        var refuses = true;
        _lab.Listeners.Consume = (_, call, _) => refuses ? Task.FromResult(ListenerOutcome.Refused) : FakeListeners.Succeed(call);
        var asked = 0;
        _lab.Listeners.IsReady = _ =>
        {
            refuses = ++asked < 3;
            return Task.FromException<bool>(new InvalidOperationException("no such grain"));
        };
        _lab.Signal(_lab.Concurrent(), queue);
        _lab.World.Wait(5);

        Assert.Equal(3, asked);
        Assert.Equal(["no such grain", "no such grain", "no such grain"], queue.Failures.Select(failure => failure.Message));
        Assert.Equal((3L, 0, 0), (queue.Watermark, queue.Runs.InFlight, queue.Runs.Window.Count));
        Assert.Null(queue.Runs.Gate.Broken);
    }

    [Fact]
    public void A_slot_whose_listener_leaves_its_silo_asks_until_it_is_elsewhere_and_others_have_the_messages()
    {
        _lab.Options.ConsumeThreadMin = 2;
        var queue = Filled(2);
        var isReady = false;
        _lab.Listeners.Consume = (name, call, _) => name == "0" && !isReady
            ? Task.FromResult(ListenerOutcome.Refused)
            : FakeListeners.Succeed(call);
        _lab.Listeners.IsReady = _ => Task.FromResult(isReady);
        var dispatcher = _lab.Concurrent();
        _lab.Signal(dispatcher, queue);

        Assert.Equal((2L, 0), (queue.Watermark, queue.Runs.InFlight));
        Assert.Single(_lab.Listeners.Calls, call => call.Listener == "0");
        Assert.Single(_lab.Listeners.AskedIfReady);
        _lab.World.Wait(0.2);
        Assert.Equal(5, _lab.Listeners.AskedIfReady.Count);

        isReady = true;
        _lab.World.Wait(0.1);
        var hold = Hold();
        queue.Add(2);
        _lab.Signal(dispatcher, queue);
        Assert.Equal(["0", "1"], _lab.Listeners.Calls.TakeLast(2).Select(call => call.Listener).Order());
        hold.SetResult();
        _lab.World.Steps.Run();
        Assert.Equal(4, queue.Watermark);
    }

    [Fact]
    public void Where_listeners_move_they_are_asked_before_they_are_given_anything()
    {
        var queue = Filled(1);
        queue.DoListenersMove = true;
        var isReady = false;
        _lab.Listeners.IsReady = _ => Task.FromResult(isReady);
        _lab.Signal(_lab.Concurrent(), queue);
        Assert.Empty(_lab.Listeners.Calls);
        Assert.NotEmpty(_lab.Listeners.AskedIfReady);

        isReady = true;
        _lab.World.Wait(0.1);

        Assert.Equal(1, queue.Watermark);
    }

    [Fact]
    public void A_queue_that_ends_while_a_slot_waits_for_its_listener_frees_the_slot_for_others()
    {
        _lab.Options.ConsumeThreadMax = 1;
        var (queue, other) = (Filled(1), Filled(1, number: 1));
        _lab.Listeners.Consume = (_, call, _) => call.Queue == queue.Queue
            ? Task.FromResult(ListenerOutcome.Refused)
            : FakeListeners.Succeed(call);
        _lab.Listeners.IsReady = static _ => Task.FromResult(false);
        _lab.Signal(_lab.Concurrent(), queue, other);
        Assert.Equal(0, other.Watermark);

        queue.Stop();
        queue.Abandon();
        _lab.World.Steps.Run();

        Assert.Equal(1, other.Watermark);
        Assert.Empty(queue.Failures);
    }

    [Fact]
    public void Messages_whose_listener_cannot_be_reached_are_tried_again_after_a_while_and_that_is_no_attempt()
    {
        var queue = Filled(1);
        _lab.Listeners.Consume = static (_, _, _) => throw new InvalidOperationException("no such grain");
        var dispatcher = _lab.Concurrent();
        _lab.Signal(dispatcher, queue);
        Assert.Equal((1, 0L), (queue.Runs.InFlight, queue.Watermark));
        Assert.Equal([121], _lab.Log.Ids);
        Assert.Equal("no such grain", Assert.Single(queue.Failures).Message);

        _lab.World.Wait(0.9);
        Assert.Single(_lab.Listeners.Calls);
        _lab.Listeners.Consume = (_, call, _) => FakeListeners.Succeed(call);
        _lab.World.Wait(0.2);

        Assert.Equal((1L, 0), (queue.Watermark, queue.Metrics["failed"]));
        Assert.Empty(_lab.Brokers.Calls);
    }

    [Fact]
    public void A_queue_that_was_moved_hears_that_its_former_messages_are_with_no_listener_any_more()
    {
        var queue = Filled(1);
        var call = new TaskCompletionSource<ListenerOutcome>();
        _lab.Listeners.Consume = (_, _, _) => call.Task;
        _lab.Signal(_lab.Concurrent(), queue);
        queue.Restart(7);
        Assert.Equal((1, 0), (queue.Runs.InFlight, queue.Returned));

        call.SetException(new InvalidOperationException("no such grain"));
        _lab.World.Wait(1.1);

        Assert.Equal((0, 1), (queue.Runs.InFlight, queue.Returned));
    }

    /// <summary>Finding M9.</summary>
    [Fact]
    public void A_slot_that_never_reaches_its_listener_waits_itself_and_the_others_have_its_messages()
    {
        _lab.Options.ConsumeThreadMin = 2;
        var queue = Filled(10);
        _lab.Listeners.Consume = (name, call, _) => name == "0"
            ? throw new InvalidOperationException("no such grain")
            : FakeListeners.Succeed(call);
        _lab.Signal(_lab.Concurrent(), queue);

        // Its first run waits, as it may be the reason; the second went to the other slot at once.
        Assert.Equal(2, _lab.Listeners.Calls.Count(call => call.Listener == "0"));
        Assert.Equal(9, queue.Metrics["succeeded"]);
        _lab.World.Wait(0.9);
        Assert.Equal(2, _lab.Listeners.Calls.Count(call => call.Listener == "0"));

        _lab.World.Wait(10);
        Assert.Equal(10, queue.Watermark);
    }

    [Fact]
    public void A_slot_that_has_reached_its_listener_again_serves_others_when_it_does_not_the_next_time()
    {
        _lab.Options.ConsumeThreadMax = 1;
        var (queue, other) = (Filled(1), Filled(1, number: 1));
        var isReached = false;
        _lab.Listeners.Consume = (_, call, _) => isReached || call.Queue == other.Queue
            ? FakeListeners.Succeed(call)
            : throw new InvalidOperationException("no such grain");
        var dispatcher = _lab.Concurrent();
        _lab.Signal(dispatcher, queue);
        _lab.Signal(dispatcher, other);
        Assert.Equal((0L, 1L), (queue.Watermark, other.Watermark));

        other.Add(1);
        _lab.World.Wait(0.5);
        queue.Add(1);
        _lab.Signal(dispatcher, queue);
        _lab.Signal(dispatcher, other);
        Assert.Equal(2, other.Watermark);
    }

    [Fact]
    public void A_slot_that_waits_since_it_does_not_reach_its_listener_serves_others_when_its_queue_stops()
    {
        _lab.Options.ConsumeThreadMax = 1;
        var (queue, other) = (Filled(2), Filled(1, number: 1));
        _lab.Listeners.Consume = (_, call, _) => call.Queue == queue.Queue
            ? throw new InvalidOperationException("no such grain")
            : FakeListeners.Succeed(call);
        var dispatcher = _lab.Concurrent();
        _lab.Signal(dispatcher, queue);
        _lab.Signal(dispatcher, other);
        Assert.Equal(2, _lab.Listeners.Calls.Count);
        Assert.Equal(0, other.Watermark);

        queue.Stop();
        _lab.World.Steps.Run();

        Assert.Equal(0, queue.Runs.InFlight);
        Assert.Equal(1, other.Watermark);
    }

    [Fact]
    public void A_listener_that_never_ends_loses_its_messages_to_the_broker_and_its_slot_to_another_listener()
    {
        _lab.Options.ConsumeThreadMax = 1;
        var queue = Filled(2);
        _lab.Listeners.Consume = (name, call, _) => name == "0"
            ? new TaskCompletionSource<ListenerOutcome>().Task
            : FakeListeners.Succeed(call);
        _lab.Signal(_lab.Concurrent(), queue);

        _lab.World.Wait(TimeSpan.FromSeconds(63), TimeSpan.FromSeconds(1));
        Assert.Empty(_lab.Brokers.SentBack);
        Assert.Equal(0, queue.Watermark);
        _lab.World.Wait(0.01);

        Assert.Equal([(0L, 3)], _lab.Brokers.SentBack.Select(sent => (sent.Message.QueueOffset, sent.DelayLevel)));
        Assert.Equal(2, queue.Watermark);
        Assert.Equal(["0", "1"], _lab.Listeners.Calls.Select(call => call.Listener));
        Assert.Equal(1, queue.Statistics.Totals().TimedOut);
        Assert.Equal([ErrorTypes.Timeout], queue.Metrics.ErrorTypes);
        Assert.Equal([123], _lab.Log.Ids);
    }

    [Fact]
    public void What_waits_behind_a_slow_batch_of_the_same_run_goes_to_other_listeners()
    {
        var queue = Filled(64);
        _lab.Listeners.Consume = (_, call, _) => Outcome(call.Messages.Count, time: TimeSpan.FromMicroseconds(1));
        var dispatcher = _lab.Concurrent();
        _lab.Signal(dispatcher, queue);
        Assert.Equal(64, queue.Watermark);
        var slow = new TaskCompletionSource<ListenerOutcome>();
        var first = true;
        _lab.Listeners.Consume = (_, call, _) =>
        {
            if (first)
            {
                first = false;
                Assert.True(call.Share!.TryClaim(1));
                Assert.True(call.Share.TryClaim(2));
                return slow.Task;
            }

            return Outcome(call.Messages.Count, time: TimeSpan.FromMicroseconds(1));
        };
        queue.Add(20);
        _lab.Signal(dispatcher, queue);
        var run = _lab.Listeners.Calls[^1].Offsets.Length;
        Assert.InRange(run, 3, 20);

        _lab.World.Wait(0.01);
        var before = _lab.Listeners.Calls.Count;
        _lab.World.Wait(0.02);
        Assert.True(_lab.Listeners.Calls.Count > before);
        Assert.Equal((2, 64L), (queue.Runs.InFlight, queue.Watermark));

        // However long it takes, it is judged by what was left to it.
        slow.SetResult(new(2, TimeSpan.FromSeconds(1), [Failed(1)]));
        _lab.World.Steps.Run();
        Assert.Equal((84L, 0), (queue.Watermark, queue.Runs.InFlight));
        Assert.Equal([65L], _lab.Brokers.SentBack.Select(sent => sent.Message.QueueOffset));
    }

    [Fact]
    public void A_run_whose_listener_is_not_seen_is_not_taken_back_however_long_it_takes()
    {
        _lab.Options.ConsumeBatchSize = 1;
        var queue = Filled(64);
        _lab.Listeners.Consume = (_, call, _) => Outcome(call.Messages.Count, time: TimeSpan.FromMicroseconds(1));
        var dispatcher = _lab.Concurrent();
        _lab.Signal(dispatcher, queue);
        var far = new TaskCompletionSource<ListenerOutcome>();
        _lab.Listeners.Consume = (_, _, _) => far.Task;
        queue.Add(3);
        _lab.Signal(dispatcher, queue);
        var calls = _lab.Listeners.Calls.Count;
        Assert.Equal(3, _lab.Listeners.Calls[^1].Offsets.Length);

        _lab.World.Wait(30);
        Assert.Equal(calls, _lab.Listeners.Calls.Count);
        far.SetResult(new(3, TimeSpan.FromSeconds(30), null));
        _lab.World.Steps.Run();

        Assert.Equal(67, queue.Watermark);
    }

    [Fact]
    public void When_the_time_to_stop_is_over_slots_are_free_and_the_messages_stay_uncommitted()
    {
        _lab.Options.ConsumeThreadMax = 1;
        var (queue, other) = (Filled(1), Filled(1, number: 1));
        _lab.Listeners.Consume = (_, call, token) => call.Queue == queue.Queue
            ? new TaskCompletionSource<ListenerOutcome>().Task.WaitAsync(token)
            : FakeListeners.Succeed(call);
        _lab.Signal(_lab.Concurrent(), queue, other);

        queue.Stop();
        _lab.World.Steps.Run();
        Assert.Equal(0, other.Watermark);
        queue.Abandon();
        _lab.World.Steps.Run();

        Assert.Equal(1, other.Watermark);
        Assert.Equal((0L, 1), (queue.Watermark, queue.Runs.InFlight));
        Assert.Empty(queue.Failures);
    }

    [Fact]
    public void A_queue_whose_book_is_broken_is_told_of_and_slots_serve_the_others()
    {
        _lab.Options.ConsumeThreadMax = 1;
        var (queue, other) = (Filled(1), Filled(1, number: 1));
        _lab.Listeners.Consume = (_, call, _) => call.Queue == queue.Queue
            ? throw new InvariantBrokenException("some rule")
            : FakeListeners.Succeed(call);

        _lab.Signal(_lab.Concurrent(), queue, other);

        Assert.IsType<InvariantBrokenException>(Assert.Single(queue.Failures));
        Assert.Equal([125], _lab.Log.Ids);
        Assert.Equal((0L, 1L), (queue.Watermark, other.Watermark));
    }

    [Fact]
    public void A_run_that_fails_where_nothing_should_comes_again_after_a_while()
    {
        var queue = Filled(1);
        queue.Metrics.Fault = static () => new InvalidOperationException("unexpected");
        _lab.Signal(_lab.Concurrent(), queue);
        Assert.Equal([126], _lab.Log.Ids);
        Assert.Equal("unexpected", Assert.Single(queue.Failures).Message);
        Assert.Equal((1, 1), (queue.Runs.InFlight, queue.Tracked.Count));

        queue.Metrics.Fault = static () => null;
        _lab.World.Wait(0.9);
        Assert.Equal(0, queue.Watermark);
        _lab.World.Wait(0.2);

        Assert.Equal(1, queue.Watermark);
    }

    [Fact]
    public void A_stop_waits_for_the_calls_under_way()
    {
        var queue = Filled(1);
        var held = Hold();
        var dispatcher = _lab.Concurrent();
        _lab.Signal(dispatcher, queue);
        var stopping = _lab.World.Begin(dispatcher.StopAsync);
        Assert.False(stopping.IsCompleted);

        held.SetResult();
        _lab.World.Steps.Run();

        Assert.True(stopping.IsCompletedSuccessfully);
        Assert.Equal(1, queue.Watermark);
        Assert.False(((IQueueDispatcher)dispatcher).KeepsFailedMessages);
        Assert.Equal(0, ((IQueueDispatcher)dispatcher).InFlightOf(queue));
    }
}
