using OrleansRocketMQ.Engine.Dispatch.KeyOrdered;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Tests.Support;

namespace OrleansRocketMQ.Engine.Tests.Dispatch;

/// <summary>
/// Keys of a queue that is behind wait a moment for more of their messages when a call costs more than the listener takes; and
/// no longer than that moment, whatever happens.
/// </summary>
public sealed class KeyGatheringTests
{
    private readonly DispatchLab _lab = new();
    private readonly FakeQueue _queue;
    private readonly KeyOrderedDispatcher _dispatcher;

    public KeyGatheringTests()
    {
        _queue = _lab.Queue();
        _lab.Listeners.Consume = static (_, call, _) => Task.FromResult(new ListenerOutcome(call.Messages.Count, TimeSpan.Zero, null));
        _dispatcher = _lab.Keyed();

        // So many calls teach that the listener is fast.
        for (var run = 0; run < 32; run++)
        {
            Come("warm");
        }

        _lab.Listeners.Calls.Clear();
        _queue.IsBehind = true;
    }

    [Fact]
    public void They_wait_for_more_and_go_together_when_there_are_enough_of_the_first_key()
    {
        for (var pull = 0; pull < 7; pull++)
        {
            Come("a", "b");
            Assert.Empty(_lab.Listeners.Calls);
        }

        Come("a", "b");

        Assert.Equal([8, 8], _lab.Listeners.Calls.Select(call => call.Offsets.Length));
        Assert.Equal(0, _queue.Runs.InFlight);
    }

    [Fact]
    public void They_go_when_no_more_have_come_for_a_moment()
    {
        Come("a", "b");
        _lab.World.Wait(KeyGathering.Longest / 2, TimeSpan.FromMilliseconds(1));
        Assert.Empty(_lab.Listeners.Calls);

        _lab.World.Wait(KeyGathering.Longest / 2, TimeSpan.FromMilliseconds(1));

        Assert.Equal(["a:32", "b:33"], _lab.Listeners.Texts.Order());
        Come("a");
        _lab.World.Wait(KeyGathering.Longest, TimeSpan.FromMilliseconds(1));
        Assert.Equal(3, _lab.Listeners.Calls.Count);
    }

    [Fact]
    public void They_go_when_the_queue_has_half_of_what_it_may_hold()
    {
        var keys = Enumerable.Range(0, _lab.Options.PullThresholdForQueue / 2).Select(key => $"{key}").ToArray();
        Come(keys[..^1]);
        Assert.Empty(_lab.Listeners.Calls);

        Come(keys[^1]);

        Assert.NotEmpty(_lab.Listeners.Calls);
    }

    [Fact]
    public void They_go_soon_when_no_more_will_come_for_now()
    {
        Come("a", "b");
        _lab.World.Wait(KeyGathering.LookEvery, TimeSpan.FromMilliseconds(1));
        Assert.Empty(_lab.Listeners.Calls);

        _queue.IsBehind = false;
        _lab.World.Wait(KeyGathering.LookEvery, TimeSpan.FromMilliseconds(1));

        Assert.Equal(["a:32", "b:33"], _lab.Listeners.Texts.Order());
    }

    [Fact]
    public void They_do_not_wait_when_the_queue_is_not_behind()
    {
        _queue.IsBehind = false;
        Come("a", "b");

        Assert.Equal(["a:32", "b:33"], _lab.Listeners.Texts.Order());
    }

    [Fact]
    public void They_do_not_wait_for_a_slow_listener()
    {
        _queue.IsBehind = false;
        _lab.Listeners.Consume = static (_, call, _) => FakeListeners.Succeed(call);
        for (var run = 0; run < 64; run++)
        {
            Come("slow");
        }

        _queue.IsBehind = true;
        _lab.Listeners.Calls.Clear();
        Come("a", "b");

        Assert.Equal(["a:96", "b:97"], _lab.Listeners.Texts.Order());
    }

    [Fact]
    public void What_gathers_when_the_queue_begins_anew_is_dropped_and_what_comes_then_is_consumed()
    {
        Come("a");
        _queue.Restart(100);
        _lab.World.Wait(KeyGathering.Longest, TimeSpan.FromMilliseconds(1));
        Assert.Empty(_lab.Listeners.Calls);

        Come("a");
        _lab.World.Wait(KeyGathering.Longest, TimeSpan.FromMilliseconds(1));

        Assert.Equal(["a:100"], _lab.Listeners.Texts);
    }

    [Fact]
    public void A_queue_that_stops_waits_for_nothing()
    {
        Come("a");
        _queue.Stop();
        _lab.World.Steps.Run();

        Assert.All(_queue.Tracked, tracked => Assert.True(tracked.IsCompletedSuccessfully));
        Assert.Empty(_lab.Listeners.Calls);
    }

    /// <summary>A pull has brought messages of these keys.</summary>
    private void Come(params string[] keys)
    {
        _queue.Add(keys);
        _lab.Signal(_dispatcher, _queue);
    }
}
