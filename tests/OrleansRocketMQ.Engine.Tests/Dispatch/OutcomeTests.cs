using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Dispatch;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Tests.Support;
using OrleansRocketMQ.Telemetry;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Engine.Tests.Dispatch;

/// <summary>What listeners say of single messages, and calls that have their time anew.</summary>
public sealed class OutcomeTests
{
    private readonly DispatchLab _lab = new();

    [Fact]
    public void In_order_rejected_messages_are_filed_and_those_around_them_are_done()
    {
        _lab.Options.ConsumeBatchSize = 4;
        var queue = Filled(5);
        InOrder((call, _) => call.Messages.Count == 4
            ? new OrderlyOutcome(4, 4, null, 1, TimeSpan.Zero) { Rejected = [new(1, "bad"), new(3, "worse")] }
            : Success(call));

        _lab.Signal(_lab.Orderly(), queue);

        Assert.Equal([0L, 1L, 2L, 3L, 4L], _lab.Listeners.Given);
        Assert.Equal((5L, 2, 3), (queue.Watermark, queue.Metrics["dead"], queue.Metrics["succeeded"]));
        Assert.Equal(["bad", "worse"], _lab.Brokers.Copies.Select(copy => ReasonOf(copy.Properties)));
    }

    [Fact]
    public void A_rejected_message_that_nobody_takes_comes_again_with_all_behind_it_and_nothing_before_it()
    {
        _lab.Options.ConsumeBatchSize = 3;
        _lab.Options.SuspendCurrentQueueTime = TimeSpan.FromSeconds(1);
        var queue = Filled(3);
        RefuseDeadLetters();
        InOrder((call, _) => call.Messages.FirstOrDefault(message => message.QueueOffset == 1) is { } message
            ? Success(call) with { Rejected = [new(call.Messages.ToList().IndexOf(message), "bad")] }
            : Success(call));
        _lab.Signal(_lab.Orderly(), queue);
        Assert.Equal((1L, 0), (queue.Watermark, queue.Metrics["dead"]));

        _lab.Brokers.Faults.Clear();
        _lab.World.Wait(1.1);

        Assert.Equal([0L, 1L, 2L, 1L, 2L], _lab.Listeners.Given);
        Assert.Equal((3L, 1), (queue.Watermark, queue.Metrics["dead"]));
    }

    [Fact]
    public void What_failed_behind_a_rejected_message_that_nobody_takes_is_counted_and_waits_for_its_time()
    {
        _lab.Options.ConsumeBatchSize = 4;
        var queue = Filled(4);
        RefuseDeadLetters();
        InOrder((call, _) => _lab.Listeners.Calls.Count > 1
            ? Success(call)
            : new(3, 3, Later(TimeSpan.FromSeconds(90)), 1, TimeSpan.Zero) { Rejected = [new(1, "bad")] });
        _lab.Signal(_lab.Orderly(), queue);
        Assert.Equal(1, queue.Watermark);

        _lab.World.Wait(89);
        Assert.Single(_lab.Listeners.Calls);
        _lab.World.Wait(2);

        Assert.Equal([0L, 1L, 2L, 3L, 1L, 2L, 3L], _lab.Listeners.Given);
        Assert.Equal([1, 0, 1], _lab.Listeners.OrderlyCalls.Skip(1).SelectMany(static call => call.ReconsumeTimes!));
    }

    [Fact]
    public void What_was_committed_with_a_rejected_message_that_nobody_takes_is_not_rolled_back_with_it()
    {
        _lab.Options.AutoCommit = false;
        var queue = Filled(2);
        RefuseDeadLetters();
        InOrder((call, _) => call.Messages[0].QueueOffset == 0 ? Success(call) with { Committed = 0 }
            : _lab.Listeners.Calls.Count == 2 ? Success(call) with { Rejected = [new(0, "bad")] }
            : new(0, 0, new(1, IsRollback: true, null, AutoCommit: false, null), 1, TimeSpan.Zero));
        _lab.Signal(_lab.Orderly(), queue);
        Assert.Equal(1, queue.Watermark);

        _lab.World.Wait(3.5);

        Assert.Equal([0L, 1L, 1L, 1L, 1L], _lab.Listeners.Given);
    }

    [Fact]
    public void A_parked_key_whose_listener_is_not_reached_does_not_shorten_what_a_message_without_room_waits_for()
    {
        _lab.Options.PoisonHandling = PoisonHandling.Park;
        _lab.Options.MaxParkedKeys = 1;
        var queue = _lab.Queue();
        queue.Add("a", "b");
        InOrder((call, _) => _lab.Listeners.Calls.Count switch
        {
            1 => new(0, 0, Later(TimeSpan.FromSeconds(1)), 1, TimeSpan.Zero),
            2 => new(0, 0, Later(TimeSpan.FromMinutes(1)), 1, TimeSpan.Zero),
            3 => throw new InvalidOperationException("not reached"),
            _ => Success(call),
        });
        _lab.Signal(_lab.Orderly(), queue);

        _lab.World.Wait(59);
        Assert.Equal([0L, 1L, 0L, 0L], _lab.Listeners.Given);
        _lab.World.Wait(2);

        Assert.Equal([0L, 1L, 0L, 0L, 1L], _lab.Listeners.Given);
        Assert.Equal(2, queue.Watermark);
    }

    [Fact]
    public void In_order_the_queue_is_held_as_long_as_was_said_however_long()
    {
        var queue = Filled(2);
        var isHeld = true;
        InOrder((call, _) => isHeld
            ? new(0, 0, Later(TimeSpan.FromMinutes(5)), 1, TimeSpan.Zero)
            : Success(call));
        _lab.Signal(_lab.Orderly(), queue);
        isHeld = false;

        _lab.World.Wait(299);
        Assert.Equal([0L], _lab.Listeners.Given);
        _lab.World.Wait(2);

        Assert.Equal([0L, 0L, 1L], _lab.Listeners.Given);
        Assert.Equal(2, queue.Watermark);
        Assert.Empty(_lab.Brokers.SentBack);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void In_order_and_by_key_a_failure_waits_as_the_broker_says_and_is_given_up_when_it_says(bool byKey)
    {
        _lab.Options.MaxReconsumeTimes = 16;
        _lab.Rules.Broker = new()
        {
            RetryMaxTimes = 2,
            GroupRetryPolicy = new()
            {
                Type = "EXPONENTIAL",
                ExponentialRetryPolicy = new() { Initial = 40_000, Max = 100_000, Multiplier = 2 },
            },
        };
        var queue = _lab.Queue();
        queue.Add([TestMessages.At(0, shardingKey: "a")]);
        InOrder((_, _) => new(0, 0, new(1, IsRollback: false, null, AutoCommit: true, "no"), 1, TimeSpan.Zero));
        _lab.Listeners.Consume = (_, _, _) => Task.FromResult(new ListenerOutcome(1, TimeSpan.FromMilliseconds(1), [new(0, 0, "no")]));
        _lab.Signal(byKey ? _lab.Keyed() : _lab.Orderly(), queue);

        _lab.World.Wait(39);
        Assert.Single(_lab.Listeners.Given);
        _lab.World.Wait(2);
        Assert.Equal(2, _lab.Listeners.Given.Length);
        _lab.World.Wait(78);
        Assert.Equal(2, _lab.Listeners.Given.Length);
        _lab.World.Wait(3);

        Assert.Equal((3, 1), (_lab.Listeners.Given.Length, queue.Metrics["dead"]));
    }

    [Fact]
    public void In_order_a_listener_that_can_take_nothing_is_asked_again_and_nothing_has_failed()
    {
        _lab.Options.MaxReconsumeTimes = 0;
        var queue = Filled(2);
        var isFull = true;
        InOrder((call, _) => isFull ? OrderlyOutcome.Refused with { Held = "full" } : Success(call));

        _lab.Signal(_lab.Orderly(), queue);
        _lab.World.Wait(2.5);
        Assert.Equal([0L, 0L, 0L], _lab.Listeners.Given);
        Assert.All(queue.Failures, failure => Assert.Equal("full", failure.Message));
        isFull = false;
        _lab.World.Wait(1);

        Assert.Equal((2L, 0, 0, 2), (queue.Watermark, queue.Metrics["dead"], queue.Metrics["failed"], queue.Metrics["succeeded"]));
    }

    [Fact]
    public void By_key_a_listener_that_can_take_nothing_holds_up_its_key_alone_and_nothing_has_failed()
    {
        _lab.Options.MaxReconsumeTimes = 0;
        var queue = _lab.Queue();
        queue.Add("a", "b");
        var isFull = true;
        _lab.Listeners.Consume = (key, call, _) => isFull && key == "a"
            ? Task.FromResult(ListenerOutcome.Refused with { Held = "full" })
            : FakeListeners.Succeed(call);
        var keyed = _lab.Keyed();

        _lab.Signal(keyed, queue);
        _lab.World.Wait(2.5);
        Assert.Equal(["a:0", "a:0", "a:0", "b:1"], _lab.Listeners.Texts.Order());
        var keys = keyed.Describe(queue, new() { Queue = queue.Queue, Owner = "me", Totals = default! }).Keys!;
        Assert.Equal(("a", "full", 0), (keys.BlockedKey, keys.LastError, keys.Failures));
        isFull = false;
        _lab.World.Wait(1);

        Assert.Equal((2L, 0, 0, 2), (queue.Watermark, queue.Metrics["dead"], queue.Metrics["failed"], queue.Metrics["succeeded"]));
    }

    [Fact]
    public void By_key_rejected_messages_are_filed_and_the_first_that_fails_otherwise_holds_up_those_behind_it()
    {
        _lab.Options.ConsumeBatchSize = 5;
        var queue = _lab.Queue();
        queue.Add([.. Enumerable.Range(0, 5).Select(offset => TestMessages.At(offset, shardingKey: "a"))]);
        _lab.Listeners.Consume = (_, call, _) => call.Messages.Count == 5
            ? Task.FromResult(new ListenerOutcome(5, TimeSpan.FromMilliseconds(1), [Rejected(1), Later(3)]))
            : FakeListeners.Succeed(call);
        _lab.Signal(_lab.Keyed(), queue);
        Assert.Equal((3L, 1), (queue.Watermark, queue.Metrics["dead"]));

        _lab.World.Wait(89);
        Assert.Single(_lab.Listeners.Calls);
        _lab.World.Wait(2);

        Assert.Equal([0L, 1L, 2L, 3L, 4L, 3L, 4L], _lab.Listeners.Given);
        Assert.Equal(5, queue.Watermark);
        Assert.Empty(_lab.Brokers.SentBack);
    }

    [Fact]
    public void A_renewed_call_keeps_its_slot_and_its_messages_and_one_that_is_not_loses_them()
    {
        _lab.Options.ConsumeThreadMax = 1;
        _lab.Options.ConsumeTimeout = TimeSpan.FromSeconds(10);
        var queue = Filled(1);
        _lab.Listeners.Consume = (_, _, _) => new TaskCompletionSource<ListenerOutcome>().Task;
        _lab.Signal(_lab.Concurrent(), queue);
        var call = _lab.Listeners.ListenerCalls[0].Renewable!.Value;
        for (var times = 0; times < 5; times++)
        {
            _lab.World.Wait(9);
            call.Renew();
        }

        _lab.World.Wait(12);
        Assert.Empty(_lab.Brokers.SentBack);
        _lab.World.Wait(2);

        Assert.Single(_lab.Brokers.SentBack);
        call.Renew();
        _lab.World.Wait(1);
        Assert.Equal(1, queue.Watermark);
    }

    [Fact]
    public void A_call_that_nobody_waits_for_renews_nothing()
    {
        var slot = new CallRenewal(_lab.World.Time);
        var first = slot.Begin();
        var second = slot.Begin();

        first.Renew();
        Assert.Equal(TimeSpan.Zero, slot.Left(TimeSpan.FromSeconds(10)));
        second.Renew();
        _lab.World.Wait(4);
        Assert.Equal(TimeSpan.FromSeconds(6), slot.Left(TimeSpan.FromSeconds(10)));
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 1)]
    [InlineData(1.5, 2)]
    [InlineData(20, 4)]
    [InlineData(7200, 18)]
    [InlineData(100_000, 18)]
    public void A_time_is_the_first_level_that_is_not_shorter(double seconds, int level)
        => Assert.Equal(level, DelayLevels.Of(TimeSpan.FromSeconds(seconds)));

    private static FailedMessage Rejected(int index) => new(index, FailedMessage.ToDeadLetters, "bad", ErrorTypes.Rejected, "bad");

    private static FailedMessage Later(int index)
        => new(index, 5, null, ErrorTypes.RetryAfter) { RetryAfter = TimeSpan.FromSeconds(90) };

    private static FailedBatch Later(TimeSpan time)
        => new(1, IsRollback: false, null, AutoCommit: true, null, ErrorTypes.RetryAfter) { RetryAfter = time };

    private static OrderlyOutcome Success(in OrderlyCall call)
        => new(call.Messages.Count, call.Messages.Count, null, 1, TimeSpan.FromMilliseconds(1));

    private static string ReasonOf(string properties)
        => properties.Split('\u0002').Select(piece => piece.Split('\u0001')).Single(piece => piece[0] == MessageProperties.DeadLetterReason)[1];

    private void RefuseDeadLetters()
    {
        foreach (var call in new[] { "copy", "sendback" })
        {
            _lab.Brokers.Faults[call] = static () => new BrokerNotAvailableException("away");
        }
    }

    private void InOrder(Func<OrderlyCall, CancellationToken, OrderlyOutcome> consume)
        => _lab.Listeners.ConsumeInOrder = (call, token) => Task.FromResult(consume(call, token));

    private FakeQueue Filled(int count)
    {
        var queue = _lab.Queue();
        queue.Add(count);
        return queue;
    }
}
