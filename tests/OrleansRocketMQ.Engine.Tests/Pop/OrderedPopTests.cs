using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Tests.Support;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Engine.Tests.Pop;

/// <summary>A queue that is popped by a group in order, or in the order of keys: its broker keeps the order, whatever happens.</summary>
public sealed class OrderedPopTests
{
    public static TheoryData<HandlerMode> InOrder => [HandlerMode.Orderly, HandlerMode.KeyOrdered];

    [Theory]
    [MemberData(nameof(InOrder))]
    public void Messages_come_once_and_in_order_and_the_next_ones_when_the_broker_has_heard_of_the_last(HandlerMode mode)
    {
        var lab = New(mode);
        lab.Pops.Store(100, KeyOf("a"));

        lab.Start().Wait(5);

        Assert.Equal(Enumerable.Range(0, 100), lab.Consumed);
        Assert.Equal((100, 0, 0), (lab.Pops.Order.Committed, lab.Pops.Order.Refused, lab.Pump.Book.Count));
        Assert.All(lab.Pops.Requests, request => Assert.True(request.Ordered));
        Assert.InRange(lab.Most, 1, 32);
        Assert.Equal(lab.Pops.Requests.Count - 1, lab.Pops.Requests.SkipLast(1).Select(request => request.AttemptId).Distinct().Count());
        Assert.True(lab.Pump.Snapshot().Popped!.IsInOrder);
    }

    [Fact]
    public void Keys_go_beside_each_other_and_each_in_its_order()
    {
        var lab = New(HandlerMode.KeyOrdered);
        lab.ListenerTakes = TimeSpan.FromSeconds(1);
        lab.Options.ConsumeBatchSize = 1;
        for (var key = 0; key < 4; key++)
        {
            lab.Pops.Store(1, KeyOf($"{key % 2}"));
        }

        lab.Start().Wait(0.5);
        Assert.Equal([0, 1], lab.Consumed);
        lab.Wait(1);
        Assert.Equal([0, 1, 2, 3], lab.Consumed);
        lab.Wait(1);
        Assert.Equal(4, lab.Pops.Order.Committed);
    }

    [Theory]
    [MemberData(nameof(InOrder))]
    public void A_message_that_fails_is_tried_again_here_and_its_time_prolonged_until_it_succeeds(HandlerMode mode)
    {
        var lab = New(mode);
        var fails = true;
        lab.Options.PopInvisibleTime = TimeSpan.FromSeconds(6);
        lab.Options.MaxReconsumeTimes = 100;
        lab.Fails = message => fails && PopLab.NumberOf(message) == 1 ? new FailedMessage(0, 0, "not yet") : null;
        lab.Pops.Store(40, KeyOf("a"));

        lab.Start().Wait(20);
        Assert.Equal((1, 1), (lab.Pops.Order.Committed, lab.Consumed.Max()));
        fails = false;
        lab.Wait(40);

        Assert.Equal(Enumerable.Range(0, 40), lab.Consumed.Distinct());
        Assert.Equal(Enumerable.Range(2, 38), lab.Consumed.Where(number => number > 1));
        Assert.Equal((40, 0, 0), (lab.Pops.Order.Committed, lab.Pops.Order.Refused, lab.Pump.Book.Lost));
        Assert.NotEmpty(lab.Pops.Changed);
        Assert.All(lab.Pops.Changed, change => Assert.Equal(lab.Options.PopInvisibleTime, change.Time));
    }

    [Fact]
    public void A_key_that_fails_does_not_hold_up_the_others_of_the_same_pop()
    {
        var lab = New(HandlerMode.KeyOrdered);
        lab.Fails = message => message.ShardingKey == "bad" ? new FailedMessage(0, 0, "no") : null;
        lab.Pops.Store(1, KeyOf("bad"));
        lab.Pops.Store(40, KeyOf("good"));

        lab.Start().Wait(10);

        Assert.Equal(Enumerable.Range(1, 31), lab.Consumed.Where(number => number > 0));
        Assert.Equal(0, lab.Pops.Order.Committed);
    }

    [Theory]
    [MemberData(nameof(InOrder))]
    public void A_message_past_its_attempts_becomes_a_dead_letter_with_its_reason_and_those_behind_it_go_on(HandlerMode mode)
    {
        var lab = New(mode);
        lab.Options.MaxReconsumeTimes = 1;
        lab.Fails = message => PopLab.NumberOf(message) == 0 ? new FailedMessage(0, 0, "it cannot be") : null;
        lab.Pops.Store(3, KeyOf("a"));

        lab.Start().Wait(10);

        var copy = Assert.Single(lab.Brokers.Copies);
        Assert.Contains($"{MessageProperties.DeadLetterReason}\u0001it cannot be\u0002", copy.Properties, StringComparison.Ordinal);
        Assert.Equal([0, 0, 1, 2], lab.Consumed);
        Assert.Equal(3, lab.Pops.Order.Committed);
    }

    [Fact]
    public void A_message_without_a_key_that_fails_goes_to_the_retry_topic_and_holds_up_nothing()
    {
        var lab = New(HandlerMode.KeyOrdered);
        lab.Fails = message => PopLab.NumberOf(message) == 0 ? new FailedMessage(0, 0, "no") : null;
        lab.Pops.Store(3);

        lab.Start().Wait(5);

        Assert.Single(lab.Brokers.SentBack);
        Assert.Equal([0, 1, 2], lab.Consumed.Order());
        Assert.Equal(3, lab.Pops.Order.Committed);
    }

    [Theory]
    [MemberData(nameof(InOrder))]
    public void After_a_stop_the_next_owner_gets_all_from_the_first_that_is_not_done_on_and_not_before_listeners_have_ended(HandlerMode mode)
    {
        var first = New(mode);
        first.Options.ConsumeBatchSize = 1;
        first.ListenerTakes = TimeSpan.FromSeconds(10);
        first.Pops.Store(40, KeyOf("a"));
        first.Start().Wait(12);
        var next = new PopLab(first.World, first.Pops) { Mode = mode };
        next.Brokers.Offsets[PopLab.Queue] = 0;

        var stopping = first.Stop();
        next.Start().Wait(1);
        Assert.Empty(next.Consumed);
        next.Wait(15);

        Assert.True(stopping.IsCompletedSuccessfully);
        Assert.Equal(Enumerable.Range(0, first.Consumed.Count), first.Consumed);
        Assert.Equal(Enumerable.Range(first.Consumed.Count, 40 - first.Consumed.Count), next.Consumed);
        Assert.Equal(40, next.Pops.Order.Committed);
    }

    [Theory]
    [MemberData(nameof(InOrder))]
    public void What_could_not_be_prolonged_comes_again_in_its_order_and_not_before_the_listener_is_done(HandlerMode mode)
    {
        var lab = New(mode);
        lab.ListenerTakes = TimeSpan.FromSeconds(90);
        lab.Options.ConsumeBatchSize = 1;
        lab.Options.PopPollTime = TimeSpan.FromSeconds(1);
        lab.Brokers.Faults["change"] = static () => FakeBrokers.Refusal(ResponseCodes.SystemBusy);
        lab.Brokers.Faults["ack"] = static () => FakeBrokers.Refusal(ResponseCodes.SystemBusy);
        lab.Pops.Store(5, KeyOf("a"));

        lab.Start().Wait(85);
        Assert.Equal([0], lab.Consumed);
        lab.Brokers.Faults.Clear();
        lab.ListenerTakes = TimeSpan.Zero;
        lab.Wait(15);

        Assert.Equal(5, lab.Pump.Book.Lost);
        Assert.Equal(1, lab.Pump.Book.Late);
        Assert.Equal(5, lab.Pops.Order.Committed);
        Assert.Equal([0, 1, 2, 3, 4], lab.Consumed.Distinct());
        Assert.Equal(lab.Consumed.Order(), lab.Consumed);
    }

    [Theory]
    [MemberData(nameof(InOrder))]
    public void A_seek_lets_listeners_end_what_they_have_and_goes_on_at_its_offset(HandlerMode mode)
    {
        var lab = New(mode);
        lab.Options.ConsumeBatchSize = 1;
        lab.ListenerTakes = TimeSpan.FromSeconds(2);
        lab.Pops.Store(40, KeyOf("a"));
        lab.Start().Wait(1);

        var seeking = lab.World.Begin(() => lab.Pump.SeekAsync(38));
        lab.Wait(20);

        Assert.True(seeking.IsCompletedSuccessfully);
        Assert.Equal([0, 38, 39], lab.Consumed);
        Assert.Equal((40, 0), (lab.Pops.Order.Committed, lab.Pump.Book.Count));

        var back = lab.World.Begin(() => lab.Pump.SeekAsync(37));
        lab.Wait(20);
        Assert.True(back.IsCompletedSuccessfully);
        Assert.Equal([0, 38, 39, 37, 38, 39], lab.Consumed);
    }

    [Theory]
    [MemberData(nameof(InOrder))]
    public void A_paused_queue_keeps_what_it_has_and_goes_on_with_it_as_it_was(HandlerMode mode)
    {
        var lab = New(mode);
        lab.Options.ConsumeBatchSize = 1;
        lab.ListenerTakes = TimeSpan.FromSeconds(2);
        lab.Pops.Store(5, KeyOf("a"));
        lab.Start().Wait(1);

        lab.Pause(true);
        lab.Wait(200);
        var before = lab.Consumed.Count;
        Assert.True(before < 5);
        lab.Pause(false);
        lab.Wait(20);

        Assert.Equal([0, 1, 2, 3, 4], lab.Consumed);
        Assert.Equal((5, 0), (lab.Pops.Order.Committed, lab.Pump.Book.Lost));
    }

    [Theory]
    [MemberData(nameof(InOrder))]
    public void Behind_a_closed_fence_what_waits_is_free_for_another_owner_before_its_time_is_over(HandlerMode mode)
    {
        var lab = New(mode);
        lab.Fails = static _ => new FailedMessage(0, 0, "no");
        lab.Pops.Store(5, KeyOf("a"));
        lab.Start().Wait(1);
        lab.Fence(closed: true);

        lab.Wait(45);

        Assert.Equal((0, 0), (lab.Pops.Order.Hidden, lab.Pump.Book.Count));
        lab.Fails = static _ => null;
        lab.Fence(closed: false);
        lab.Wait(10);
        Assert.Equal(5, lab.Pops.Order.Committed);
    }

    [Fact]
    public void A_pop_whose_answer_is_lost_is_made_again_under_its_name_and_brings_the_same_messages_at_once()
    {
        var lab = New(HandlerMode.Orderly);
        lab.Pops.LosesNextAnswer = true;
        lab.Pops.Store(3, KeyOf("a"));

        lab.Start().Wait(10);

        Assert.Equal([0, 1, 2], lab.Consumed);
        Assert.Equal(lab.Pops.Requests[0].AttemptId, lab.Pops.Requests[1].AttemptId);
        Assert.NotEqual(lab.Pops.Requests[1].AttemptId, lab.Pops.Requests[2].AttemptId);
        Assert.Equal(0, lab.Pops.Order.Refused);
    }

    [Theory]
    [MemberData(nameof(InOrder))]
    public void A_batch_does_not_wait_for_messages_that_cannot_come_before_it_is_done(HandlerMode mode)
    {
        var lab = New(mode);
        lab.Options.ConsumeBatchSize = 10;
        lab.Options.BatchMaxWait = TimeSpan.FromSeconds(30);
        lab.Pops.Store(35, KeyOf("a"));

        lab.Start().Wait(2);

        Assert.Equal(Enumerable.Range(0, 35), lab.Consumed);
    }

    [Fact]
    public void What_waits_for_a_commit_is_held_and_done_with_it_also_at_a_stop()
    {
        var lab = New(HandlerMode.Orderly);
        lab.Options.ConsumeBatchSize = 1;
        lab.Listeners.ConsumeInOrder = async (call, token) =>
        {
            await Task.Delay(TimeSpan.FromSeconds(1), lab.World.Time, token);
            var commits = PopLab.NumberOf(call.Messages[^1]) == 4 ? call.Messages.Count : 0;
            return new OrderlyOutcome(call.Messages.Count, commits, null, call.Messages.Count, TimeSpan.FromSeconds(1));
        };
        lab.Pops.Store(6, KeyOf("a"));
        lab.Start().Wait(0.5);
        for (var waited = 0; waited < 100 && PopLab.NumberOf(lab.Listeners.OrderlyCalls[^1].Messages[^1]) < 4; waited++)
        {
            Assert.Equal(0, lab.Pops.Order.Committed);
            lab.Wait(0.1);
        }

        var stopping = lab.Stop();
        lab.Wait(5);

        Assert.True(stopping.IsCompletedSuccessfully);
        Assert.Equal(5, lab.Pops.Order.Committed);
    }

    [Fact]
    public void A_queue_that_stands_still_since_nothing_of_it_is_committed_is_told_of()
    {
        var lab = New(HandlerMode.Orderly);
        lab.Options.ConsumeBatchSize = 1;
        lab.Listeners.ConsumeInOrder = async (_, token) =>
        {
            await Task.Delay(TimeSpan.FromSeconds(1), lab.World.Time, token);
            return new OrderlyOutcome(1, 0, null, 1, TimeSpan.FromSeconds(1));
        };
        lab.Pops.Store(3, KeyOf("a"));
        lab.Start().Wait(2.5);
        Assert.Equal(0, lab.Log.Count(187));

        lab.Wait(5);

        Assert.Equal(1, lab.Log.Count(187));
    }

    [Fact]
    public void A_listener_that_takes_long_is_no_silence_of_the_broker()
    {
        var lab = New(HandlerMode.Orderly);
        lab.ListenerTakes = TimeSpan.FromMinutes(3);
        lab.Pops.Store(1, KeyOf("a"));
        lab.Start().Wait(170);
        Assert.False(lab.Pump.IsUnheard);

        lab.Wait(11);
        Assert.Equal(1, lab.Pops.Order.Committed);
        Assert.False(lab.Pump.IsUnheard);
    }

    private static PopLab New(HandlerMode mode) => new() { Mode = mode };

    private static string KeyOf(string key) => $"{MessageProperties.ShardingKey}\u0001{key}\u0002";
}
