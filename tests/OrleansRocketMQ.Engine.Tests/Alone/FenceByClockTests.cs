using OrleansRocketMQ.Engine.Queue;
using Xunit;

namespace OrleansRocketMQ.Engine.Tests.Alone;

/// <summary>A fence that closes by the clock, before anybody has told the queue.</summary>
public sealed class FenceByClockTests
{
    [Theory]
    [InlineData("Concurrent")]
    [InlineData("KeyOrdered")]
    public void A_queue_has_no_work_from_the_moment_in_which_its_fence_was_seen_closed(string mode)
    {
        var world = WithMessagesThatWait(mode);
        world.IsClosed = true;
        world.Pump.Runs.Gate.Set(paused: false, rate: null);

        Assert.Equal(0, world.Pump.Runs.Gate.Admit(1));

        // Who hears here of work that is not given to him asks again at once: before the state has been told, and without an end.
        Assert.Equal(0, world.Pump.Runs.Waiting);
        Assert.False(world.Pump.Runs.MayLease);
    }

    [Theory]
    [InlineData("Concurrent")]
    [InlineData("KeyOrdered")]
    public void It_goes_on_by_itself_once_the_fence_is_open_and_the_store_shows_that_nobody_else_did(string mode)
    {
        var world = WithMessagesThatWait(mode);
        world.IsClosed = true;
        world.Pump.Runs.Gate.Set(paused: false, rate: null);
        Assert.Equal(0, world.Pump.Runs.Gate.Admit(1));
        world.Pump.OnFlow();
        world.Wait(TimeSpan.FromSeconds(5));
        Assert.Empty(world.Consumed);
        Assert.Equal(QueuePhase.Fenced, world.Pump.State.Phase);

        world.IsClosed = false;
        world.Wait(TimeSpan.FromSeconds(10));

        Assert.Equal(Enumerable.Range(0, 20).Select(offset => (long)offset), world.Consumed.Order());
    }

    private static World WithMessagesThatWait(string mode)
    {
        var world = new World(Enum.Parse<World.Mode>(mode));
        world.Start();
        world.Wait(TimeSpan.FromSeconds(1));
        world.Pump.Runs.Gate.Set(paused: true, rate: null);
        world.Pump.OnFlow();

        // The pull that waits at the broker brings them all the same.
        world.Broker.Store(20);
        world.Wait(TimeSpan.FromSeconds(1));
        Assert.Equal(20, world.Pump.Runs.Window.Count);
        Assert.Empty(world.Consumed);
        return world;
    }
}
