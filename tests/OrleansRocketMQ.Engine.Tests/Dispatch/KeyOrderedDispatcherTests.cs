using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Dispatch;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Tests.Support;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Telemetry;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Engine.Tests.Dispatch;

/// <summary>A key's messages come in order and one after the other; what is wrong with one key or its listener is its own affair.</summary>
public sealed partial class KeyOrderedDispatcherTests
{
    private readonly DispatchLab _lab = new();

    [Fact]
    public void Each_key_goes_to_its_own_listener_in_order_and_what_has_none_to_that_of_the_slot()
    {
        var queue = Filled("a", "b", "a", null, "b");
        var dispatcher = _lab.Keyed();

        _lab.Signal(dispatcher, queue);

        Assert.Equal([0L, 2L], GivenTo("a"));
        Assert.Equal([1L, 4L], GivenTo("b"));
        Assert.Equal([3L], GivenTo("0").Concat(GivenTo("1")));
        Assert.Equal((5L, 0, 5), (queue.Watermark, queue.Runs.InFlight, queue.Metrics["succeeded"]));
        Assert.Equal(["a", "b"], _lab.Listeners.Made.Except(["0", "1"]).Order());
        Assert.Equal(_lab.Listeners.Made.Count, _lab.Listeners.Made.Distinct().Count());
        Assert.True(dispatcher.KeepsFailedMessages);
        Assert.Null(queue.Running.Slowest());
        Assert.Empty(_lab.Log.Ids);
        Assert.All(_lab.Listeners.ListenerCalls, call =>
        {
            Assert.True(call.InOrder);
            Assert.Same(queue.Ownership, call.Ownership);
            Assert.Equal((1, AdaptiveBatchSizer.Limit, _lab.Options.ConsumeTimeout), (call.BatchSize, call.TimeLimit, call.ConsumeTimeout));
        });
    }

    [Fact]
    public void A_key_waits_for_its_own_call_only_and_no_more_calls_run_at_once_than_may()
    {
        var queue = Filled("a", "a", "b", "c");
        var held = Hold();
        var dispatcher = _lab.Keyed();
        _lab.Signal(dispatcher, queue);
        Assert.Equal(["a:0", "b:2"], _lab.Listeners.Texts.Order());
        Assert.Equal(2, dispatcher.InFlightOf(queue));
        Assert.Equal(2, dispatcher.Describe(queue, Snapshot(queue)).InFlight);

        held.SetResult();
        _lab.World.Steps.Run();
        Assert.Equal([0L, 1L], GivenTo("a"));
        Assert.Equal((4L, 0), (queue.Watermark, dispatcher.InFlightOf(queue)));
    }

    [Fact]
    public void A_selector_makes_keys_of_messages_and_what_it_fails_on_has_none()
    {
        _lab.Options.KeySelector = static message => message.QueueOffset == 2
            ? throw new InvalidOperationException("no key")
            : $"key-{message.QueueOffset % 2}";
        var queue = Filled("x", "x", "x", "x");

        _lab.Signal(_lab.Keyed(), queue);

        Assert.Equal([0L], GivenTo("key-0"));
        Assert.Equal([1L, 3L], GivenTo("key-1"));
        Assert.Equal([2L], GivenTo("0").Concat(GivenTo("1")));
        Assert.Equal([194], _lab.Log.Ids);
    }

    [Fact]
    public void A_message_that_fails_comes_again_alone_after_a_growing_wait_while_other_keys_go_on()
    {
        _lab.Options.KeyRetryBackoff = TimeSpan.FromSeconds(1);
        _lab.Options.MaxKeyRetryBackoff = TimeSpan.FromSeconds(3);
        var queue = Filled("a", "b", "a");
        FailOn(0);
        var dispatcher = _lab.Keyed();
        _lab.Signal(dispatcher, queue);
        Assert.Equal([0L, 1L], _lab.Listeners.Given);
        Assert.Equal((0L, 2), (queue.Watermark, queue.Runs.Window.Count));
        Assert.Equal(new KeyOrderedSnapshot(1, 2, "a", 1, "bad"), dispatcher.Describe(queue, Snapshot(queue)).Keys);

        _lab.World.Wait(0.9);
        Assert.Equal(2, _lab.Listeners.Calls.Count);
        _lab.World.Wait(0.2);
        Assert.Equal(3, _lab.Listeners.Calls.Count);
        _lab.World.Wait(1.8);
        Assert.Equal(3, _lab.Listeners.Calls.Count);
        _lab.World.Wait(0.2);
        Assert.Equal(4, _lab.Listeners.Calls.Count);

        // Never longer than the longest wait.
        _lab.World.Wait(10);
        Assert.Equal(7, _lab.Listeners.Calls.Count);
        Assert.Equal([0, 0, 1, 2, 3, 4, 5], _lab.Listeners.ListenerCalls.Select(call => call.Failures));
        Assert.Equal((6, 6), (queue.Metrics["failed"], queue.Metrics["retried"]));
        Succeed();
        _lab.World.Wait(3);

        Assert.Equal([0L, 2L], GivenTo("a").TakeLast(2));
        Assert.Equal(3, queue.Watermark);
        Assert.Equal(0, _lab.Listeners.ListenerCalls[^1].Failures);
        Assert.Equal(new KeyOrderedSnapshot(), dispatcher.Describe(queue, Snapshot(queue)).Keys);
    }

    [Fact]
    public void What_succeeded_before_a_failure_is_done_and_what_is_behind_it_waits()
    {
        _lab.Options.ConsumeBatchSize = 4;
        var queue = Filled("a", "a", "a", "a");
        _lab.Listeners.Consume = (_, call, _) => call.Messages.Count == 4
            ? Task.FromResult(new ListenerOutcome(3, TimeSpan.FromMilliseconds(1), [Failed(2)]) { TimedOut = 1 })
            : FakeListeners.Succeed(call);
        _lab.Signal(_lab.Keyed(), queue);
        Assert.Equal((2L, 2), (queue.Watermark, queue.Metrics["succeeded"]));
        Assert.Equal(1, queue.Statistics.Totals().TimedOut);

        _lab.World.Wait(1.1);

        // The one that failed alone, then the one behind it.
        Assert.Equal([[2L], [3L]], _lab.Listeners.Calls.Skip(1).Select(call => call.Offsets));
        Assert.Equal(4, queue.Watermark);
    }

    [Fact]
    public void A_message_that_has_failed_too_often_is_filed_as_dead_and_its_key_goes_on()
    {
        _lab.Options.MaxReconsumeTimes = 2;
        var queue = Filled("a", "a");
        FailOn(0);
        _lab.Signal(_lab.Keyed(), queue);

        _lab.World.Wait(2.9);
        Assert.Empty(_lab.Brokers.SentBack);
        _lab.World.Wait(0.2);

        Assert.Equal(_lab.Options.MaxReconsumeTimes + 1, Assert.Single(_lab.Brokers.Copies).ReconsumeTimes);
        Assert.Equal([0L, 0L, 0L, 1L], _lab.Listeners.Given);
        Assert.Equal((2L, 1, 2), (queue.Watermark, queue.Metrics["dead"], queue.Metrics["retried"]));
        Assert.Equal([193], _lab.Log.Ids);
        Assert.Contains("after 3 attempts", _lab.Log.Texts[0], StringComparison.Ordinal);
    }

    [Fact]
    public void Attempts_made_elsewhere_count_and_a_listener_may_give_up_at_once()
    {
        _lab.Options.MaxReconsumeTimes = 2;
        var queue = _lab.Queue();
        queue.Add([TestMessages.At(0, shardingKey: "a", reconsumeTimes: 2), TestMessages.At(1, shardingKey: "b")]);
        _lab.Listeners.Consume = (_, call, _) => Task.FromResult(new ListenerOutcome(
            1, TimeSpan.FromMilliseconds(1), [new(0, call.Messages[0].QueueOffset == 1 ? FailedMessage.ToDeadLetters : 0, "bad")]));

        _lab.Signal(_lab.Keyed(), queue);

        Assert.Equal(2, _lab.Brokers.Copies.Count);
        Assert.Equal(2, queue.Watermark);
    }

    /// <summary>Finding M5.</summary>
    [Fact]
    public void A_dead_message_the_broker_does_not_take_goes_there_as_a_copy_and_its_key_goes_on()
    {
        _lab.Options.MaxReconsumeTimes = 0;
        var queue = Filled("a", "a");
        FailOn(0);
        _lab.Brokers.Faults["sendback"] = static () => FakeBrokers.Refusal(ResponseCodes.SystemError);

        _lab.Signal(_lab.Keyed(), queue);

        Assert.Single(_lab.Brokers.Copies);
        Assert.Equal(2, queue.Watermark);
    }

    [Fact]
    public void A_dead_message_that_nobody_takes_is_tried_again_and_parked_in_the_end()
    {
        _lab.Options.MaxReconsumeTimes = 0;
        _lab.Options.ParkAfter = TimeSpan.Zero;
        _lab.Options.MaxRetryTimes = 3;
        var queue = Filled("a", "a");
        FailOn(0);
        _lab.Brokers.Faults["sendback"] = static () => FakeBrokers.Refusal(ResponseCodes.SystemError);
        _lab.Brokers.Faults["copy"] = static () => FakeBrokers.Refusal(ResponseCodes.SystemError);
        _lab.Signal(_lab.Keyed(), queue);
        Assert.Equal((0L, 0), (queue.Watermark, _lab.Parked.Parked.Count));

        _lab.World.Wait(2.1);

        Assert.Equal(0, Assert.Single(_lab.Parked.Parked).Offset);
        Assert.Equal((2L, 1, 0), (queue.Watermark, queue.Metrics["parked"], queue.Metrics["retried"]));
    }

    /// <summary>Finding M6.</summary>
    [Fact]
    public void In_broadcasting_a_message_that_has_failed_too_often_is_given_up_and_goes_nowhere()
    {
        _lab.Options.MessageModel = MessageModel.Broadcasting;
        _lab.Options.MaxReconsumeTimes = 0;
        var queue = Filled("a", null);
        _lab.Listeners.Consume = static (_, _, _) => Task.FromResult(new ListenerOutcome(1, TimeSpan.FromMilliseconds(1), [Failed(0)]));

        _lab.Signal(_lab.Keyed(), queue);

        Assert.Equal(2, queue.Watermark);
        Assert.Empty(_lab.Brokers.Calls);
    }

    [Fact]
    public void A_message_without_a_key_goes_back_to_its_broker_and_waits_where_it_is_when_that_does_not_take_it()
    {
        var queue = Filled(null, null);
        _lab.Brokers.Faults["sendback"] = static () => new BrokerNotAvailableException("away");
        _lab.Brokers.Faults["copy"] = static () => new BrokerNotAvailableException("away");
        _lab.Listeners.Consume = (_, call, _) => call.Messages[0].QueueOffset == 0
            ? Task.FromResult(new ListenerOutcome(1, TimeSpan.FromMilliseconds(1), [new(0, 4, "bad")]))
            : FakeListeners.Succeed(call);
        _lab.Signal(_lab.Keyed(), queue);
        Assert.Equal(0, queue.Watermark);
        Assert.Equal(1, queue.Runs.Window.Count);

        _lab.World.Wait(4.9);
        Assert.Equal(2, _lab.Listeners.Calls.Count);
        _lab.Brokers.Faults.Clear();
        _lab.World.Wait(0.2);

        Assert.Equal(2, queue.Watermark);
        Assert.Equal([(0L, 4)], _lab.Brokers.SentBack.Select(sent => (sent.Message.QueueOffset, sent.DelayLevel)));
        Assert.Equal((1, 0), (queue.Metrics["retried"], queue.Metrics["dead"]));
    }

    [Fact]
    public void A_message_that_cannot_be_read_holds_up_its_key_as_one_that_fails_and_no_listener_sees_it()
    {
        _lab.Options.KeySelector = static _ => "a";
        _lab.Options.MaxReconsumeTimes = 1;
        var queue = _lab.Queue();
        queue.Add([TestMessages.UnreadableAt(0), TestMessages.At(1)]);
        _lab.Signal(_lab.Keyed(), queue);
        Assert.Empty(_lab.Listeners.Calls);

        _lab.World.Wait(1.1);

        Assert.Equal([1L], _lab.Listeners.Given);
        Assert.Equal([192, 192, 193], _lab.Log.Ids);
        Assert.Equal([ErrorTypes.Unreadable, ErrorTypes.Unreadable], queue.Metrics.ErrorTypes);
        Assert.Equal((2L, 1), (queue.Watermark, queue.Metrics["dead"]));
    }

    private static FailedMessage Failed(int index) => new(index, 0, "bad");

    private static QueueSnapshot Snapshot(FakeQueue queue) => new() { Queue = queue.Queue, Owner = "me", Totals = new() };

    private static void Shut(FakeQueue queue, string why, bool shut)
    {
        if (why == "fence")
        {
            queue.Runs.Gate.Fence(shut);
        }
        else
        {
            queue.Runs.Gate.Set(shut, rate: null);
        }
    }

    private FakeQueue Filled(params string?[] keys)
    {
        var queue = _lab.Queue();
        queue.Add(keys);
        return queue;
    }

    private long[] GivenTo(string listener)
        => [.. _lab.Listeners.Calls.Where(call => call.Listener == listener).SelectMany(call => call.Offsets)];

    private IEnumerable<ListenerCall> CallsOf(string listener)
        => _lab.Listeners.Calls.Zip(
            _lab.Listeners.ListenerCalls).Where(call => call.First.Listener == listener).Select(call => call.Second);

    private void FailOn(long offset) => _lab.Listeners.Consume = (_, call, _) => call.Messages[0].QueueOffset == offset
        ? Task.FromResult(new ListenerOutcome(1, TimeSpan.FromMilliseconds(1), [Failed(0)]))
        : FakeListeners.Succeed(call);

    private void Succeed() => _lab.Listeners.Consume = (_, call, _) => FakeListeners.Succeed(call);

    /// <summary>From now on listeners succeed when they are told to.</summary>
    private TaskCompletionSource Hold()
    {
        var held = new TaskCompletionSource();
        _lab.Listeners.Consume = async (_, call, _) =>
        {
            await held.Task;
            return await FakeListeners.Succeed(call);
        };
        return held;
    }
}
