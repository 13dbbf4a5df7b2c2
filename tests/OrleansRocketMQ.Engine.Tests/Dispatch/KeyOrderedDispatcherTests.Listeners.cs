using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Tests.Support;
using OrleansRocketMQ.Telemetry;

namespace OrleansRocketMQ.Engine.Tests.Dispatch;

/// <summary>Listeners that hang, refuse, or cannot be reached, and queues that stand still or stop.</summary>
public sealed partial class KeyOrderedDispatcherTests
{
    /// <summary>Finding M3.</summary>
    [Fact]
    public void A_listener_that_never_ends_holds_up_its_key_and_no_slot_and_its_message_dies_in_the_end()
    {
        _lab.Options.ConsumeThreadMax = 1;
        _lab.Options.ConsumeTimeout = TimeSpan.FromSeconds(10);
        _lab.Options.MaxReconsumeTimes = 2;
        var queue = Filled("a", "b", "a");
        var never = new TaskCompletionSource<ListenerOutcome>();
        _lab.Listeners.Consume = (name, call, _) => name == "a" ? never.Task : FakeListeners.Succeed(call);
        _lab.Signal(_lab.Keyed(), queue);
        _lab.World.Wait(TimeSpan.FromSeconds(13), TimeSpan.FromSeconds(0.5));
        Assert.Equal([0L], _lab.Listeners.Given);

        _lab.World.Wait(0.1);
        Assert.Equal([0L, 1L], _lab.Listeners.Given);
        Assert.Equal([195], _lab.Log.Ids);
        Assert.Equal((1L, 1L), (queue.Statistics.Totals().TimedOut, queue.Statistics.Totals().Failed));

        // No second call waits behind the first; each time it might have taken is one more failure.
        _lab.World.Wait(TimeSpan.FromSeconds(9.8), TimeSpan.FromSeconds(0.1));
        Assert.Equal(1, queue.Statistics.Totals().TimedOut);
        _lab.World.Wait(TimeSpan.FromSeconds(11), TimeSpan.FromSeconds(0.5));
        Assert.Equal([0L, 1L], _lab.Listeners.Given);
        Assert.Single(_lab.Brokers.Copies);
        Assert.Equal([ErrorTypes.Timeout, ErrorTypes.Timeout, ErrorTypes.Timeout, ErrorTypes.Timeout], queue.Metrics.ErrorTypes);

        never.SetResult(new(1, TimeSpan.FromSeconds(30), null));
        _lab.Listeners.Consume = (_, call, _) => FakeListeners.Succeed(call);
        _lab.World.Wait(TimeSpan.FromSeconds(11), TimeSpan.FromSeconds(0.5));
        Assert.Equal([0L, 1L, 2L], _lab.Listeners.Given);
        Assert.Equal(3, queue.Watermark);
    }

    /// <summary>A machine that stood still finds every call too late, and each of them ends a moment later.</summary>
    [Fact]
    public void A_key_whose_listener_was_stuck_goes_on_when_it_ends_and_not_only_after_the_time_of_another_call()
    {
        _lab.Options.ConsumeTimeout = TimeSpan.FromMinutes(15);
        var queue = Filled("a", "a");
        var late = new TaskCompletionSource<ListenerOutcome>();
        _lab.Listeners.Consume = (_, _, _) => late.Task;
        var dispatcher = _lab.Keyed();
        _lab.Signal(dispatcher, queue);
        _lab.World.Wait(TimeSpan.FromMinutes(60), TimeSpan.FromMinutes(60));
        Assert.Equal([195], _lab.Log.Ids);
        _lab.World.Wait(TimeSpan.FromMinutes(1), TimeSpan.FromSeconds(1));
        Assert.Equal([0L], _lab.Listeners.Given);

        Succeed();
        late.SetResult(new(1, TimeSpan.FromSeconds(1), null));
        _lab.World.Wait(0.1);

        Assert.Equal([0L, 0L, 1L], _lab.Listeners.Given);
        Assert.Equal(2, queue.Watermark);
        Assert.Equal(0, dispatcher.Describe(queue, Snapshot(queue)).Keys!.BlockedKeys);
    }

    [Fact]
    public void A_listener_of_a_slot_that_never_ends_loses_its_slot_to_another_and_its_messages_to_the_broker()
    {
        _lab.Options.ConsumeThreadMax = 1;
        _lab.Options.ConsumeTimeout = TimeSpan.FromSeconds(10);
        var queue = Filled(null, null);
        _lab.Listeners.Consume = (name, call, _) => name == "0"
            ? new TaskCompletionSource<ListenerOutcome>().Task
            : FakeListeners.Succeed(call);
        _lab.Signal(_lab.Keyed(), queue);

        _lab.World.Wait(TimeSpan.FromSeconds(13.1), TimeSpan.FromSeconds(0.1));

        Assert.Equal([(0L, 3)], _lab.Brokers.SentBack.Select(sent => (sent.Message.QueueOffset, sent.DelayLevel)));
        Assert.Equal(["0:0", "1:1"], _lab.Listeners.Texts);
        Assert.Equal(2, queue.Watermark);
    }

    [Fact]
    public void A_key_whose_listener_cannot_be_reached_is_tried_again_after_a_while_and_that_is_no_attempt()
    {
        var queue = Filled("a", "b");
        _lab.Listeners.Consume = (name, call, _) => name == "a"
            ? throw new InvalidOperationException("no such grain")
            : FakeListeners.Succeed(call);
        var dispatcher = _lab.Keyed();
        _lab.Signal(dispatcher, queue);
        Assert.Equal([0L, 1L], _lab.Listeners.Given);
        Assert.Equal([191], _lab.Log.Ids);
        Assert.Equal("no such grain", Assert.Single(queue.Failures).Message);
        Assert.Equal(new KeyOrderedSnapshot(1, 1, "a", 0, "no such grain"), dispatcher.Describe(queue, Snapshot(queue)).Keys);

        Succeed();
        _lab.World.Wait(0.9);
        Assert.Equal(2, _lab.Listeners.Calls.Count);
        _lab.World.Wait(0.2);

        Assert.Equal(2, queue.Watermark);
        Assert.Equal((0, 0), (_lab.Listeners.ListenerCalls[^1].Failures, queue.Metrics["failed"]));
    }

    [Fact]
    public void A_key_whose_listener_refuses_is_asked_for_before_the_next_call_and_that_is_no_attempt()
    {
        var queue = Filled("a");
        var (refuses, isReady) = (true, false);
        _lab.Listeners.Consume = (_, call, _) => refuses ? Task.FromResult(ListenerOutcome.Refused) : FakeListeners.Succeed(call);
        _lab.Listeners.IsReady = _ => Task.FromResult(isReady);
        var dispatcher = _lab.Keyed();
        _lab.Signal(dispatcher, queue);
        Assert.Empty(_lab.Listeners.AskedIfReady);

        _lab.World.Wait(0.1);
        Assert.Equal(["a", "a"], _lab.Listeners.AskedIfReady);
        Assert.Single(_lab.Listeners.Calls);
        (refuses, isReady) = (false, true);
        _lab.World.Wait(0.1);
        Assert.Equal((1L, 0), (queue.Watermark, queue.Metrics["failed"]));

        var asked = _lab.Listeners.AskedIfReady.Count;
        queue.Add("a");
        _lab.Signal(dispatcher, queue);
        Assert.Equal(2, queue.Watermark);
        Assert.Equal(asked, _lab.Listeners.AskedIfReady.Count);
    }

    [Fact]
    public void Where_listeners_move_they_are_asked_before_they_are_given_anything()
    {
        var queue = Filled("a");
        queue.DoListenersMove = true;
        var isReady = false;
        _lab.Listeners.IsReady = _ => Task.FromResult(isReady);
        _lab.Signal(_lab.Keyed(), queue);
        Assert.Empty(_lab.Listeners.Calls);

        isReady = true;
        _lab.World.Wait(0.1);

        Assert.Equal(1, queue.Watermark);
        Assert.Equal(2, _lab.Listeners.AskedIfReady.Count);
    }

    /// <summary>Finding F1.</summary>
    [Theory]
    [InlineData("fence")]
    [InlineData("pause")]
    public void Nothing_of_what_is_sorted_already_is_handed_out_while_the_queue_is_fenced_or_paused(string why)
    {
        _lab.Options.ConsumeThreadMax = 1;
        var queue = Filled([.. Enumerable.Range(0, 100).Select(number => $"{number % 10}")]);
        var held = Hold();
        var dispatcher = _lab.Keyed();
        _lab.Signal(dispatcher, queue);
        Assert.Single(_lab.Listeners.Calls);
        Shut(queue, why, shut: true);

        held.SetResult();
        _lab.World.Wait(10);
        _lab.Signal(dispatcher, queue);
        Assert.Single(_lab.Listeners.Calls);
        Assert.Equal(99, queue.Runs.Window.Count);

        Shut(queue, why, shut: false);
        _lab.Signal(dispatcher, queue);
        Assert.Equal(100, queue.Watermark);
    }

    /// <summary>Finding F8.</summary>
    [Fact]
    public void What_is_sorted_is_dropped_when_the_queue_goes_on_at_another_offset()
    {
        _lab.Options.ConsumeThreadMax = 1;
        var queue = Filled("a", "b", "a", "b");
        var held = Hold();
        var dispatcher = _lab.Keyed();
        _lab.Signal(dispatcher, queue);
        queue.Restart(100);
        Assert.Equal(1, queue.Budgets.Group.Used);
        held.SetResult();
        _lab.Signal(dispatcher, queue);
        Assert.Equal([0L], _lab.Listeners.Given);
        Assert.Equal(0, queue.Budgets.Group.Used);

        queue.Add("b", "a");
        _lab.Signal(dispatcher, queue);
        Assert.Equal([0L, 100L, 101L], _lab.Listeners.Given);
        Assert.Equal(102, queue.Watermark);
    }

    [Fact]
    public void A_failure_of_a_message_from_before_a_restart_holds_up_nothing_that_came_after()
    {
        _lab.Options.ConsumeThreadMax = 1;
        var queue = Filled("a");
        var failing = new TaskCompletionSource<ListenerOutcome>();
        _lab.Listeners.Consume = (_, call, _) => call.Messages[0].QueueOffset == 0 ? failing.Task : FakeListeners.Succeed(call);
        var dispatcher = _lab.Keyed();
        _lab.Signal(dispatcher, queue);
        queue.Restart(100);
        queue.Add("a");
        _lab.Signal(dispatcher, queue);
        failing.SetResult(new(1, TimeSpan.FromMilliseconds(1), [Failed(0)]));
        _lab.World.Wait(1.5);

        Assert.Equal(101, queue.Watermark);
        Assert.Equal(0, _lab.Listeners.ListenerCalls[^1].Failures);
    }

    [Fact]
    public void A_queue_that_stops_hands_nothing_out_any_more_and_is_forgotten()
    {
        _lab.Options.ConsumeThreadMax = 1;
        var queue = Filled("a", "b", "a");
        var held = Hold();
        var dispatcher = _lab.Keyed();
        _lab.Signal(dispatcher, queue);

        queue.Stop();
        Assert.Equal(0, dispatcher.InFlightOf(queue));
        Assert.Equal(new KeyOrderedSnapshot(), dispatcher.Describe(queue, Snapshot(queue)).Keys);
        held.SetResult();
        _lab.Signal(dispatcher, queue);

        Assert.Equal([0L], _lab.Listeners.Given);
        Assert.Equal((1L, 0), (queue.Watermark, queue.Runs.InFlight));
    }

    [Fact]
    public void When_the_time_to_stop_is_over_the_slot_is_free_and_the_messages_stay_uncommitted()
    {
        _lab.Options.ConsumeThreadMax = 1;
        var (queue, other) = (Filled("a"), _lab.Queue(1));
        other.Add("b");
        _lab.Listeners.Consume = (name, call, token) => name == "a"
            ? new TaskCompletionSource<ListenerOutcome>().Task.WaitAsync(token)
            : FakeListeners.Succeed(call);
        _lab.Signal(_lab.Keyed(), queue, other);

        queue.Stop();
        queue.Abandon();
        _lab.World.Steps.Run();

        Assert.Equal((0L, 1L), (queue.Watermark, other.Watermark));
        Assert.Empty(queue.Failures);
    }

    [Fact]
    public void A_queue_whose_book_is_broken_is_told_of_and_slots_serve_the_others()
    {
        _lab.Options.ConsumeThreadMax = 1;
        var (queue, other) = (Filled("a"), _lab.Queue(1));
        other.Add("b");
        _lab.Listeners.Consume = (name, call, _) => name == "a"
            ? throw new InvariantBrokenException("some rule")
            : FakeListeners.Succeed(call);

        _lab.Signal(_lab.Keyed(), queue, other);

        Assert.IsType<InvariantBrokenException>(Assert.Single(queue.Failures));
        Assert.Equal([196], _lab.Log.Ids);
        Assert.Equal((0L, 1L), (queue.Watermark, other.Watermark));
    }

    [Fact]
    public void A_run_that_fails_where_nothing_should_gives_its_key_back_after_a_while()
    {
        var queue = Filled("a");
        queue.Metrics.Fault = static () => new InvalidOperationException("unexpected");
        _lab.Signal(_lab.Keyed(), queue);
        Assert.Equal([197], _lab.Log.Ids);
        Assert.Equal("unexpected", Assert.Single(queue.Failures).Message);

        queue.Metrics.Fault = static () => null;
        _lab.World.Wait(0.9);
        Assert.Equal(0, queue.Watermark);
        _lab.World.Wait(0.2);

        Assert.Equal(1, queue.Watermark);
    }

    [Fact]
    public void A_stop_waits_for_the_calls_under_way()
    {
        var queue = Filled("a");
        var held = Hold();
        var dispatcher = _lab.Keyed();
        _lab.Signal(dispatcher, queue);
        var stopping = _lab.World.Begin(dispatcher.StopAsync);
        Assert.False(stopping.IsCompleted);

        held.SetResult();
        _lab.World.Steps.Run();

        Assert.True(stopping.IsCompletedSuccessfully);
    }
}
