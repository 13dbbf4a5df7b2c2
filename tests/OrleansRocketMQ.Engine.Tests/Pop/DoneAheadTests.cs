using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Tests.Support;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Engine.Tests.Pop;

/// <summary>
/// A queue popped in the order of keys: what is done of one key while a message of another one, before it, is not. Its broker brings
/// both again.
/// </summary>
public sealed class DoneAheadTests
{
    private readonly PopLab _first = new() { Mode = HandlerMode.KeyOrdered };

    [Fact]
    public void What_is_done_behind_a_message_that_is_not_does_not_come_to_a_listener_again_when_its_queue_moves()
    {
        Stop();

        var next = Start(_first);

        Assert.Equal([0, 2], next.Consumed);
        Assert.Equal((4, 0), (next.Pops.Order.Committed, next.Pump.Book.Count));
        Assert.Null(next.Pump.DoneAhead);
    }

    [Fact]
    public void It_does_not_either_when_an_owner_between_has_popped_nothing()
    {
        Stop();
        var between = Start(_first, paused: true);
        Assert.Empty(between.Consumed);
        between.Stop();
        between.Wait(5);

        Assert.Equal([0, 2], Start(between).Consumed);
    }

    [Fact]
    public void It_does_not_either_when_a_closed_fence_has_given_the_rest_back()
    {
        Fail();
        _first.Fence(closed: true);
        _first.Wait(45);
        Assert.Equal(0, _first.Pump.Book.Count);

        _first.Fails = static _ => null;
        _first.Fence(closed: false);
        _first.Wait(5);

        Assert.Equal([1, 3], _first.Consumed.Where(static number => number % 2 == 1));
        Assert.Equal(4, _first.Pops.Order.Committed);
    }

    [Fact]
    public void It_does_not_either_when_the_stop_did_not_wait_for_a_listener()
    {
        _first.Options.ConsumeBatchSize = 1;
        _first.Options.PopInvisibleTime = TimeSpan.FromSeconds(10);
        _first.Pops.Store(1, KeyOf("a"));
        _first.Pops.Store(1, KeyOf("b"));
        _first.Listeners.Consume = async (_, call, _) =>
        {
            if (call.Messages[0].ShardingKey == "a")
            {
                await Task.Delay(TimeSpan.FromHours(1), _first.World.Time, CancellationToken.None);
            }

            return new(call.Messages.Count, TimeSpan.Zero, Failures: null);
        };
        _first.Start().Wait(1);
        _first.Stop(seconds: 1);
        _first.Wait(5);
        Assert.Equal(1, _first.Pump.Abandoned);

        Assert.Equal([0], Start(_first, seconds: 20).Consumed);
    }

    [Fact]
    public void It_comes_again_when_somebody_has_moved_the_queue_back_to_that_message_meanwhile()
    {
        Stop();
        _first.Pops.Reset(0);

        Assert.Equal([0, 1, 2, 3], Start(_first).Consumed.Order());
    }

    [Fact]
    public void It_comes_again_when_somebody_has_the_queue_go_on_at_that_message()
    {
        Stop();
        var next = Start(_first, paused: true);

        var seeking = next.World.Begin(() => next.Pump.SeekAsync(0));
        next.Wait(1);
        next.Pause(false);
        next.Wait(5);

        Assert.True(seeking.IsCompletedSuccessfully);
        Assert.Equal([0, 1, 2, 3], next.Consumed.Order());
    }

    [Fact]
    public void What_lies_there_now_and_is_another_message_comes()
    {
        Stop();
        var known = _first.Pump.DoneAhead!;
        Assert.Equal(0, known.From);
        Assert.Equal([1, 3], known.MessageIds.Keys.Order());

        var others = known.MessageIds.ToDictionary(static done => done.Key, static _ => "another one");
        var next = Start(_first, doneAhead: known with { MessageIds = others });

        Assert.Equal([0, 1, 2, 3], next.Consumed.Order());
    }

    /// <summary>Two messages of a key that fails, and beside them two of one that succeeds.</summary>
    private void Fail()
    {
        _first.Options.MaxReconsumeTimes = 1000;
        _first.Fails = static message => message.ShardingKey == "a" ? new FailedMessage(0, 0, "not yet") : null;
        for (var number = 0; number < 4; number++)
        {
            _first.Pops.Store(1, KeyOf(number % 2 == 0 ? "a" : "b"));
        }

        _first.Start().Wait(5);
        Assert.Equal([1, 3], _first.Consumed.Where(static number => number % 2 == 1));
        Assert.Equal(0, _first.Pops.Order.Committed);
    }

    private void Stop()
    {
        Fail();
        _first.Stop();
        _first.Wait(5);
        Assert.True(_first.Pump.IsStopped);
    }

    /// <summary>The queue goes on at another member.</summary>
    private static PopLab Start(
        PopLab before, bool paused = false, double seconds = 5, DoneAhead? doneAhead = null)
    {
        var next = new PopLab(before.World, before.Pops) { Mode = HandlerMode.KeyOrdered };
        next.Brokers.Offsets[PopLab.Queue] = 0;
        next.Gate.Set(paused, rate: null);
        next.Start(arrival: QueueArrival.OfPopped(unstoredReset: null, doneAhead ?? before.Pump.DoneAhead));
        next.Wait(seconds);
        return next;
    }

    private static string KeyOf(string key) => $"{MessageProperties.ShardingKey}\u0001{key}\u0002";
}
