using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Dispatch;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Tests.Support;
using OrleansRocketMQ.Telemetry;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Engine.Tests.Dispatch;

/// <summary>Messages in no order: every lease ends once, and no listener, silo or queue that is in trouble holds up another.</summary>
public sealed partial class ConcurrentDispatcherTests
{
    private readonly DispatchLab _lab = new();

    [Fact]
    public void Messages_are_consumed_counted_and_done_and_the_queue_hears_of_it()
    {
        var queue = Filled(3);
        var dispatcher = _lab.Concurrent();

        _lab.Signal(dispatcher, queue);

        Assert.Equal([0L, 1L, 2L], _lab.Listeners.Given);
        Assert.Equal((3L, 0, 0), (queue.Watermark, queue.Runs.InFlight, queue.Runs.Window.Count));
        Assert.Equal((3, 0), (queue.Metrics["succeeded"], queue.Metrics["failed"]));
        Assert.Equal(TimeSpan.FromMilliseconds(3).Ticks, queue.Statistics.Totals().ListenerTicks);
        Assert.Equal(3, queue.Progress);
        Assert.Null(queue.Running.Slowest());
        Assert.Empty(queue.Failures);
        Assert.Empty(_lab.Log.Ids);
        Assert.All(_lab.Listeners.ListenerCalls, call =>
        {
            Assert.Equal((queue.Queue, 1, AdaptiveBatchSizer.Limit), (call.Queue, call.BatchSize, call.TimeLimit));
            Assert.Equal(_lab.Options.ConsumeTimeout, call.ConsumeTimeout);
            Assert.Same(queue.Ownership, call.Ownership);
            Assert.False(call.InOrder);
        });
    }

    [Fact]
    public void As_many_calls_run_at_once_as_may_each_by_a_listener_of_its_own_and_queues_take_turns()
    {
        var (first, second) = (Filled(5), Filled(2, number: 1));
        var held = Hold();
        var dispatcher = _lab.Concurrent();
        _lab.Signal(dispatcher, first, second);
        Assert.Equal(["0:0", "1:0"], _lab.Listeners.Texts.Order());
        Assert.Equal((1, 1), (first.Runs.InFlight, second.Runs.InFlight));
        Assert.NotNull(first.Running.Slowest());

        held.SetResult();
        _lab.World.Steps.Run();

        Assert.Equal(["0", "1"], _lab.Listeners.Made);
        Assert.Equal((5L, 2L), (first.Watermark, second.Watermark));
    }

    [Fact]
    public void A_fast_listener_gets_several_batches_in_one_call_and_a_slow_one_a_batch_at_a_time()
    {
        _lab.Options.ConsumeBatchSize = 2;
        var queue = Filled(400);
        _lab.Listeners.Consume = (_, call, _) => Outcome(call.Messages.Count, time: TimeSpan.FromMicroseconds(1));
        var dispatcher = _lab.Concurrent();
        _lab.Signal(dispatcher, queue);
        Assert.Equal(2, _lab.Listeners.Calls[0].Offsets.Length);
        Assert.InRange(_lab.Listeners.Calls.Max(call => call.Offsets.Length), 4, 128);
        Assert.Equal(400, queue.Watermark);

        _lab.Listeners.Consume = (_, call, _) => Outcome(call.Messages.Count, time: TimeSpan.FromSeconds(1));
        queue.Add(300);
        _lab.Signal(dispatcher, queue);
        Assert.Equal(2, _lab.Listeners.Calls[^1].Offsets.Length);
    }

    [Fact]
    public void A_failed_message_goes_back_to_its_broker_and_only_then_is_done_and_the_others_are_done_at_once()
    {
        _lab.Options.ConsumeBatchSize = 4;
        var queue = Filled(4);
        var held = new TaskCompletionSource();
        _lab.Brokers.Holds["sendback"] = held.Task;
        _lab.Listeners.Consume = (
            _, _, _) => Outcome(4, new FailedMessage(1, 5, "bad", "kind"), new FailedMessage(2, FailedMessage.ToDeadLetters, "worse"));
        var dispatcher = _lab.Concurrent();
        _lab.Signal(dispatcher, queue);
        Assert.Equal((1L, 2), (queue.Watermark, queue.Runs.InFlight));

        held.SetResult();
        _lab.World.Steps.Run();

        Assert.Equal([(1L, 5)], _lab.Brokers.SentBack.Select(sent => (sent.Message.QueueOffset, sent.DelayLevel)));

        // A letter goes as a copy, which says why it is one.
        var letter = Assert.Single(_lab.Brokers.Copies);
        Assert.Contains("DEAD_LETTER_REASON\u0001worse\u0002", letter.Properties, StringComparison.Ordinal);
        Assert.Contains("DEAD_LETTER_ATTEMPTS\u00011\u0002", letter.Properties, StringComparison.Ordinal);
        Assert.Equal((4L, 0, 0), (queue.Watermark, queue.Runs.InFlight, queue.Runs.Window.Count));
        Assert.Equal((2, 2, 1, 1), (queue.Metrics["succeeded"], queue.Metrics["failed"], queue.Metrics["retried"], queue.Metrics["dead"]));
        Assert.Equal(2, queue.Statistics.Totals().SentBack);
        Assert.Equal(["kind", null], queue.Metrics.ErrorTypes);
        Assert.Equal(1, queue.Progress);
    }

    [Fact]
    public void What_a_broker_does_not_take_goes_back_in_the_background_and_holds_up_no_slot()
    {
        // Finding M8.
        _lab.Options.ConsumeThreadMax = 1;
        _lab.Options.ConsumeBatchSize = 3;
        var (queue, other) = (Filled(3), Filled(1, number: 1));
        _lab.Brokers.Faults["sendback"] = static () => new BrokerNotAvailableException("away");
        _lab.Brokers.Faults["copy"] = static () => new BrokerNotAvailableException("away");
        _lab.Listeners.Consume = (_, call, _) => call.Queue == queue.Queue
            ? Outcome(3, Failed(0), Failed(1), Failed(2))
            : FakeListeners.Succeed(call);
        var dispatcher = _lab.Concurrent();
        _lab.Signal(dispatcher, queue, other);

        // The slot serves others at once.
        Assert.Equal(3, _lab.Brokers.CountOf("sendback"));
        Assert.Equal(1, other.Watermark);
        Assert.Equal((0L, 3), (queue.Watermark, queue.Tracked.Count));
        Assert.All(queue.Tracked, tracked => Assert.False(tracked.IsCompleted));
        var progress = queue.Progress;

        _lab.World.Wait(1);
        Assert.Equal(6, _lab.Brokers.CountOf("sendback"));
        _lab.Brokers.Faults.Clear();
        _lab.World.Wait(1);

        Assert.Equal((3L, 0), (queue.Watermark, queue.Runs.InFlight));
        Assert.Equal([0L, 1L, 2L], _lab.Brokers.SentBack.Select(sent => sent.Message.QueueOffset).Order());
        Assert.All(queue.Tracked, tracked => Assert.True(tracked.IsCompletedSuccessfully));
        Assert.Equal((3, progress + 3), (queue.Metrics["retried"], queue.Progress));
        Assert.Empty(queue.Failures);
    }

    [Fact]
    public void What_succeeded_between_messages_that_failed_is_done_at_once_and_each_message_once()
    {
        _lab.Options.ConsumeBatchSize = 6;
        var queue = Filled(6);
        var held = new TaskCompletionSource();
        _lab.Brokers.Holds["sendback"] = held.Task;
        _lab.Listeners.Consume = static (_, _, _) => Outcome(6, Failed(1), Failed(4));
        _lab.Signal(_lab.Concurrent(), queue);
        Assert.Equal((1L, 2), (queue.Watermark, queue.Runs.InFlight));

        held.SetResult();
        _lab.World.Steps.Run();

        Assert.Equal([1L, 4L], _lab.Brokers.SentBack.Select(sent => sent.Message.QueueOffset));
        Assert.Equal((6L, 0, 0), (queue.Watermark, queue.Runs.InFlight, queue.Runs.Window.Count));
        Assert.Empty(queue.Failures);
        Assert.Null(queue.Runs.Gate.Broken);
    }

    [Fact]
    public void How_long_a_batch_takes_is_learnt_by_the_batch_also_when_the_last_one_is_not_full()
    {
        _lab.Options.ConsumeThreadMax = 1;
        _lab.Options.ConsumeBatchSize = 4;
        var queue = Filled(1200);
        _lab.Listeners.Consume = (_, call, _)
            => Outcome(call.Messages.Count, time: TimeSpan.FromMicroseconds(120) * ((call.Messages.Count + 3) / 4));
        var dispatcher = _lab.Concurrent();
        _lab.Signal(dispatcher, queue);
        Assert.Equal(16, _lab.Listeners.Calls[^2].Offsets.Length);

        for (var alone = 0; alone < 100; alone++)
        {
            queue.Add(3);
            _lab.Signal(dispatcher, queue);
        }

        queue.Add(100);
        _lab.Signal(dispatcher, queue);
        Assert.Equal(16, _lab.Listeners.Calls[^2].Offsets.Length);
    }

    [Fact]
    public void After_a_broker_has_not_taken_one_message_of_a_run_the_others_wait_for_it_without_the_slot()
    {
        // Finding M8.
        _lab.Options.ConsumeThreadMax = 1;
        _lab.Options.ConsumeBatchSize = 3;
        var (queue, other) = (Filled(3), Filled(1, number: 1));
        var answer = new TaskCompletionSource();
        _lab.Brokers.Holds["sendback"] = answer.Task;
        _lab.Brokers.Faults["sendback"] = static () => new BrokerNotAvailableException("away");
        _lab.Brokers.Faults["copy"] = static () => new BrokerNotAvailableException("away");
        _lab.Listeners.Consume = (_, call, _) => call.Queue == queue.Queue
            ? Outcome(3, Failed(0), Failed(1), Failed(2))
            : FakeListeners.Succeed(call);
        _lab.Signal(_lab.Concurrent(), queue, other);
        Assert.Equal((1, 0L), (_lab.Brokers.CountOf("sendback"), other.Watermark));

        _lab.Brokers.Holds["sendback"] = new TaskCompletionSource().Task;
        answer.SetResult();
        _lab.World.Steps.Run();

        Assert.Equal((3, 1L), (_lab.Brokers.CountOf("sendback"), other.Watermark));
    }

    [Fact]
    public void What_no_broker_takes_in_all_attempts_comes_to_the_listener_again_after_a_while()
    {
        _lab.Options.MaxRetryTimes = 2;
        var queue = Filled(1);
        _lab.Brokers.Faults["sendback"] = static () => new BrokerNotAvailableException("away");
        _lab.Brokers.Faults["copy"] = static () => new BrokerNotAvailableException("away");
        _lab.Listeners.Consume = (_, _, _) => Outcome(1, Failed(0));
        var dispatcher = _lab.Concurrent();
        _lab.Signal(dispatcher, queue);

        _lab.World.Wait(1);
        Assert.Equal(2, _lab.Brokers.CountOf("sendback"));
        Assert.IsType<MessageConsumeException>(Assert.Single(queue.Failures));
        Assert.Equal(1, _lab.Log.Count(124));
        _lab.World.Wait(4.9);
        Assert.Single(_lab.Listeners.Calls);
        Assert.Equal(1, queue.Runs.InFlight);

        _lab.Brokers.Faults.Clear();
        _lab.World.Wait(0.2);
        Assert.Equal(2, _lab.Listeners.Calls.Count);
        Assert.Equal(1, queue.Watermark);
        Assert.Single(queue.Failures);
        Assert.Null(queue.Runs.Gate.Broken);
    }

    [Fact]
    public void A_queue_that_stops_gets_back_at_once_what_waits_to_be_handed_back()
    {
        var queue = Filled(1);
        _lab.Brokers.Faults["sendback"] = static () => new BrokerNotAvailableException("away");
        _lab.Brokers.Faults["copy"] = static () => new BrokerNotAvailableException("away");
        _lab.Listeners.Consume = (_, _, _) => Outcome(1, Failed(0));
        _lab.Signal(_lab.Concurrent(), queue);
        Assert.Equal(1, queue.Runs.InFlight);
        var progress = queue.Progress;

        queue.Stop();
        _lab.World.Steps.Run();

        Assert.Equal((0, 0L, 1), (queue.Runs.InFlight, queue.Watermark, queue.Runs.Window.Count));
        Assert.Equal(progress + 1, queue.Progress);
        Assert.Empty(queue.Failures);
        Assert.All(queue.Tracked, tracked => Assert.True(tracked.IsCompletedSuccessfully));
    }

    [Fact]
    public void In_broadcasting_what_fails_is_told_of_and_done()
    {
        _lab.Options.MessageModel = MessageModel.Broadcasting;
        _lab.Options.ConsumeBatchSize = 3;
        var queue = Filled(3);
        _lab.Listeners.Consume = (_, _, _) => Outcome(3, Failed(1), Failed(2));

        _lab.Signal(_lab.Concurrent(), queue);

        Assert.Equal((3L, 1), (queue.Watermark, queue.Progress));
        Assert.Equal([113, 113], _lab.Log.Ids);
        Assert.Empty(_lab.Brokers.Calls);
    }

    [Fact]
    public void A_message_that_cannot_be_read_goes_to_no_listener_but_back_to_its_broker()
    {
        var queue = _lab.Queue();
        queue.Add([TestMessages.UnreadableAt(0)]);

        _lab.Signal(_lab.Concurrent(), queue);

        Assert.Empty(_lab.Listeners.Calls);
        Assert.Equal(1, queue.Watermark);
        Assert.Equal(0, Assert.Single(_lab.Brokers.SentBack).DelayLevel);
        Assert.Equal([ErrorTypes.Unreadable], queue.Metrics.ErrorTypes);
        Assert.Equal([122], _lab.Log.Ids);
    }

    [Fact]
    public void What_a_listener_did_not_get_to_goes_to_others_and_what_took_too_long_is_counted()
    {
        _lab.Options.ConsumeBatchSize = 3;
        var queue = Filled(3);
        var calls = 0;
        _lab.Listeners.Consume = (_, call, _) => ++calls == 1
            ? Task.FromResult(
                new ListenerOutcome(1, TimeSpan.FromMinutes(1), [FailedMessage.TimedOut(0, TimeSpan.FromMinutes(1))]) { TimedOut = 1 })
            : FakeListeners.Succeed(call);

        _lab.Signal(_lab.Concurrent(), queue);

        Assert.Equal([0L, 1L, 2L, 1L, 2L], _lab.Listeners.Given);
        Assert.Equal(3, queue.Watermark);
        Assert.Equal(1, queue.Statistics.Totals().TimedOut);
        Assert.Equal([(0L, 3)], _lab.Brokers.SentBack.Select(sent => (sent.Message.QueueOffset, sent.DelayLevel)));
    }

    private static FailedMessage Failed(int index) => new(index, 0, "bad");

    private static Task<ListenerOutcome> Outcome(int consumed, params FailedMessage[] failures)
        => Outcome(consumed, TimeSpan.FromMilliseconds(1), failures);

    private static Task<ListenerOutcome> Outcome(int consumed, TimeSpan time, params FailedMessage[] failures)
        => Task.FromResult(new ListenerOutcome(consumed, time, failures.Length == 0 ? null : failures));

    private FakeQueue Filled(int count, int number = 0)
    {
        var queue = _lab.Queue(number);
        queue.Add(count);
        return queue;
    }

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
