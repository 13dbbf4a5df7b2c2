using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Dispatch.Orderly;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Tests.Support;
using OrleansRocketMQ.Telemetry;

namespace OrleansRocketMQ.Engine.Tests.Dispatch;

/// <summary>Keys that are parked, and queues that are shut or begin anew.</summary>
public sealed partial class OrderlyDispatcherTests
{
    /// <summary>Finding F7.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Nothing_that_came_back_or_is_parked_is_handed_out_while_the_queue_is_paused_or_fenced(bool parks)
    {
        _lab.Options.PoisonHandling = parks ? PoisonHandling.Park : PoisonHandling.Block;
        var queue = _lab.Queue();
        queue.Add("a", "b");
        FailOn(0);
        var dispatcher = _lab.Orderly();
        _lab.Signal(dispatcher, queue);
        var calls = _lab.Listeners.Calls.Count;

        queue.Runs.Gate.Set(paused: true, rate: null);
        _lab.World.Wait(10);
        Assert.Equal(calls, _lab.Listeners.Calls.Count);
        queue.Runs.Gate.Set(paused: false, rate: null);
        queue.Runs.Gate.Fence(closed: true);
        _lab.Signal(dispatcher, queue);
        _lab.World.Wait(10);
        Assert.Equal(calls, _lab.Listeners.Calls.Count);

        Succeed();
        queue.Runs.Gate.Fence(closed: false);
        _lab.Signal(dispatcher, queue);
        Assert.Equal(2, queue.Watermark);
    }

    [Fact]
    public void A_queue_that_is_shut_while_it_waits_for_its_turn_makes_no_call()
    {
        _lab.Options.ConsumeThreadMax = 1;
        var (queue, other) = (Filled(1), Filled(1, number: 1));
        var held = new TaskCompletionSource();
        _lab.Listeners.ConsumeInOrder = async (call, _) =>
        {
            await held.Task;
            return await FakeListeners.Succeed(call);
        };
        var dispatcher = _lab.Orderly();
        _lab.Signal(dispatcher, other, queue);
        queue.Runs.Gate.Fence(closed: true);

        held.SetResult();
        _lab.World.Steps.Run();

        Assert.Single(_lab.Listeners.Calls);
        Assert.Equal((1, 0), (queue.Runs.Window.Count, queue.Runs.InFlight));
        queue.Runs.Gate.Fence(closed: false);
        _lab.Signal(dispatcher, queue);
        Assert.Equal(1, queue.Watermark);
    }

    /// <summary>Finding F6.</summary>
    [Fact]
    public void A_queue_that_begins_anew_forgets_what_came_back_what_is_parked_and_what_is_not_committed_and_gives_its_quotas_back()
    {
        _lab.Options.PoisonHandling = PoisonHandling.Park;
        var queue = _lab.Queue();
        queue.Add("a", "b", "a", null);
        _lab.Listeners.ConsumeInOrder = (call, _) => call.Messages[0].QueueOffset is 0 or 3 ? Stopped(0, Failed(1))
            : Task.FromResult(new OrderlyOutcome(1, 0, null, 1, TimeSpan.FromMilliseconds(1)));
        var dispatcher = _lab.Orderly();
        _lab.Signal(dispatcher, queue);
        Assert.Equal(4, queue.Budgets.Group.Used);
        Assert.Single(dispatcher.Describe(queue, Snapshot(queue)).Orderly!.ParkedKeys);

        queue.Restart(100);
        Succeed();
        queue.Add("a", null);
        _lab.Signal(dispatcher, queue);

        Assert.Equal((102L, 0L), (queue.Watermark, queue.Budgets.Group.Used));
        var orderly = dispatcher.Describe(queue, Snapshot(queue)).Orderly!;
        Assert.Empty(orderly.ParkedKeys);
        Assert.Empty(orderly.Failing);
        Assert.Equal(0, orderly.UncommittedMessages);
        _lab.World.Wait(5);
        Assert.DoesNotContain(_lab.Listeners.Given.Skip(4), offset => offset < 100);
    }

    [Fact]
    public void A_key_that_fails_is_parked_with_what_comes_behind_it_and_other_keys_go_on()
    {
        _lab.Options.PoisonHandling = PoisonHandling.Park;
        var queue = _lab.Queue();
        queue.Add("a", "b", "a", "b");
        FailOn(0);
        var dispatcher = _lab.Orderly();
        _lab.Signal(dispatcher, queue);
        Assert.Equal([0L, 1L, 3L], _lab.Listeners.Given);
        Assert.Equal(0, queue.Watermark);
        Assert.Equal([new ParkedKeySnapshot("a", 2, 0)], dispatcher.Describe(queue, Snapshot(queue)).Orderly!.ParkedKeys);
        Assert.Equal([185], _lab.Log.Ids);
        Assert.False(_lab.Listeners.OrderlyCalls[0].MayDecideCommit);

        _lab.World.Wait(1.1);
        Assert.Equal([0L, 1L, 3L, 0L], _lab.Listeners.Given);
        Succeed();
        _lab.World.Wait(1);

        Assert.Equal([0L, 2L], _lab.Listeners.Given.TakeLast(2));
        Assert.Equal((4L, 2, 4), (queue.Watermark, queue.Metrics["failed"], queue.Metrics["succeeded"]));
        Assert.Empty(dispatcher.Describe(queue, Snapshot(queue)).Orderly!.ParkedKeys);
        Assert.Equal(0, _lab.Failures.Count);
    }

    [Fact]
    public void A_parked_message_that_has_failed_too_often_dies_and_its_key_goes_on()
    {
        _lab.Options.PoisonHandling = PoisonHandling.Park;
        _lab.Options.MaxReconsumeTimes = 1;
        var queue = _lab.Queue();
        queue.Add("a", "a");
        FailOn(0);
        _lab.Signal(_lab.Orderly(), queue);

        _lab.World.Wait(1.1);
        Assert.Single(_lab.Brokers.Copies);
        _lab.World.Wait(0.1);

        Assert.Equal([0L, 0L, 1L], _lab.Listeners.Given);
        Assert.Equal(2, queue.Watermark);
    }

    [Fact]
    public void A_parked_key_whose_listener_cannot_be_reached_stays_parked()
    {
        _lab.Options.PoisonHandling = PoisonHandling.Park;
        var queue = _lab.Queue();
        queue.Add("a", "b");
        FailOn(0);
        var dispatcher = _lab.Orderly();
        _lab.Signal(dispatcher, queue);
        _lab.Listeners.ConsumeInOrder = static (_, _) => throw new InvalidOperationException("no such grain");
        _lab.World.Wait(1.1);
        Assert.Equal([new ParkedKeySnapshot("a", 1, 0)], dispatcher.Describe(queue, Snapshot(queue)).Orderly!.ParkedKeys);
        Assert.Equal(0, queue.Runs.InFlight);

        Succeed();
        _lab.World.Wait(1.1);
        Assert.Equal(2, queue.Watermark);
    }

    [Theory]
    [InlineData(1, 100)]
    [InlineData(100, 1)]
    public void Beyond_the_bounds_the_queue_blocks(int keys, int messages)
    {
        (_lab.Options.PoisonHandling, _lab.Options.MaxParkedKeys, _lab.Options.MaxParkedMessages) = (PoisonHandling.Park, keys, messages);
        var queue = _lab.Queue();
        queue.Add("a", "b", "c");
        _lab.Listeners.ConsumeInOrder = (call, _) => call.Messages[0].QueueOffset < 2 ? Stopped(0, Failed(1)) : FakeListeners.Succeed(call);
        _lab.Signal(_lab.Orderly(), queue);
        _lab.World.Wait(10);
        Assert.DoesNotContain(2L, _lab.Listeners.Given);
        Assert.True(_lab.Listeners.Given.Count(offset => offset == 0) > 3 && _lab.Listeners.Given.Count(offset => offset == 1) > 3);

        Succeed();
        _lab.World.Wait(3);
        Assert.Equal(3, queue.Watermark);
    }

    [Fact]
    public void A_message_without_a_key_blocks_its_queue()
    {
        _lab.Options.PoisonHandling = PoisonHandling.Park;
        var queue = Filled(2);
        FailOn(0);
        _lab.Signal(_lab.Orderly(), queue);

        _lab.World.Wait(3.5);

        Assert.Equal([0L, 0L, 0L, 0L], _lab.Listeners.Given);
    }

    [Fact]
    public void What_is_parked_is_forgotten_as_soon_as_the_queue_begins_anew_be_there_messages_or_not()
    {
        _lab.Options.PoisonHandling = PoisonHandling.Park;
        var queue = _lab.Queue();
        queue.Add("a");
        FailOn(0);
        var dispatcher = _lab.Orderly();
        _lab.Signal(dispatcher, queue);
        Assert.Single(dispatcher.Describe(queue, Snapshot(queue)).Orderly!.ParkedKeys);

        queue.Restart(100);
        _lab.World.Steps.Run();

        Assert.Empty(dispatcher.Describe(queue, Snapshot(queue)).Orderly!.ParkedKeys);
    }

    [Fact]
    public void What_finds_no_room_at_its_parked_key_waits_with_all_that_is_behind_it()
    {
        (_lab.Options.PoisonHandling, _lab.Options.MaxParkedMessages) = (PoisonHandling.Park, 1);
        var queue = _lab.Queue();
        queue.Add("a", "a", "b");
        FailOn(0);
        _lab.Signal(_lab.Orderly(), queue);
        _lab.World.Wait(2.5);
        Assert.Equal([0L, 0L, 0L], _lab.Listeners.Given);

        Succeed();
        _lab.World.Wait(1);

        Assert.Equal([0L, 1L, 2L], _lab.Listeners.Given.TakeLast(3));
        Assert.Equal(3, queue.Watermark);
    }

    [Fact]
    public void Of_a_batch_the_messages_of_a_parked_key_go_to_their_place_and_the_others_to_the_listener()
    {
        (_lab.Options.PoisonHandling, _lab.Options.ConsumeBatchSize) = (PoisonHandling.Park, 2);
        var queue = _lab.Queue();
        queue.Add("a");
        FailOn(0);
        var dispatcher = _lab.Orderly();
        _lab.Signal(dispatcher, queue);
        queue.Add("b", "a", "a", "b", "a", "a", "b");
        _lab.Signal(dispatcher, queue);
        Assert.Equal([":0", ":1", ":4", ":7"], _lab.Listeners.Texts);
        Assert.Equal([new ParkedKeySnapshot("a", 5, 0)], dispatcher.Describe(queue, Snapshot(queue)).Orderly!.ParkedKeys);

        Succeed();
        _lab.World.Wait(1);

        Assert.Equal([":0,2", ":3,5", ":6"], _lab.Listeners.Texts.Skip(4));
        Assert.Equal(8, queue.Watermark);
    }

    [Fact]
    public void A_parked_key_that_is_due_and_what_is_not_parked_take_turns()
    {
        _lab.Options.PoisonHandling = PoisonHandling.Park;
        var queue = _lab.Queue();
        queue.Add("a", "a", "a");
        FailOn(0);
        var dispatcher = _lab.Orderly();
        _lab.Signal(dispatcher, queue);
        queue.Runs.Gate.Set(paused: true, rate: null);
        queue.Add("b", "b", "b");
        _lab.World.Wait(1);
        Succeed();

        queue.Runs.Gate.Set(paused: false, rate: null);
        _lab.Signal(dispatcher, queue);

        Assert.Equal([0L, 0L, 3L, 1L, 4L, 2L, 5L], _lab.Listeners.Given);
    }

    [Theory]
    [InlineData(PoisonHandling.Block)]
    [InlineData(PoisonHandling.Park)]
    public void What_failed_is_tried_again_when_its_pause_is_over_and_no_sooner(PoisonHandling handling)
    {
        _lab.Options.PoisonHandling = handling;
        var queue = _lab.Queue();
        queue.Add("a");
        FailOn(0);
        _lab.Signal(_lab.Orderly(), queue);

        _lab.World.Wait(0.99);
        Assert.Single(_lab.Listeners.Calls);
        _lab.World.Wait(0.01);
        Assert.Equal(2, _lab.Listeners.Calls.Count);
    }
}
