using OrleansRocketMQ.Engine.Queue;
using Xunit;

namespace OrleansRocketMQ.Engine.Tests.Alone;

/// <summary>A reset that the broker demands once, and whose offset its store refuses.</summary>
public sealed class ResetNotStoredTests
{
    [Theory]
    [InlineData("Concurrent")]
    [InlineData("Orderly")]
    [InlineData("KeyOrdered")]
    public void It_holds_although_the_fence_was_closed_while_the_store_refused_it(string mode)
    {
        var world = new World(Enum.Parse<World.Mode>(mode));
        world.Broker.Store(20);
        world.Start();
        world.Wait(TimeSpan.FromSeconds(10));
        Assert.Equal(20, world.Broker.Committed);
        world.Consumed.Clear();
        (world.Broker.IsStoreRefused, world.Broker.StoreTakes) = (true, TimeSpan.FromSeconds(2));

        // The pull that waits for messages is answered at last, with where the queue is to go on.
        world.Broker.ResetTo = 5;
        Until(world, () => world.Pump.State.Move is { Reason: MoveReason.Reset, Step: MoveStep.Storing });
        world.Fence(closed: true);
        world.Fence(closed: false);
        world.Wait(TimeSpan.FromSeconds(5));
        (world.Broker.IsStoreRefused, world.Broker.StoreTakes) = (false, TimeSpan.Zero);
        world.Wait(TimeSpan.FromSeconds(30));

        // The offset that the store still had is the queue's own of before, and not another member's.
        Assert.Equal(Enumerable.Range(5, 15).Select(offset => (long)offset), world.Consumed.Order());
        Assert.Equal(20, world.Broker.Committed);
    }

    [Theory]
    [InlineData("Concurrent")]
    [InlineData("Orderly")]
    [InlineData("KeyOrdered")]
    public void It_holds_although_the_fence_is_closed_before_the_store_takes_anything_again(string mode)
    {
        var world = new World(Enum.Parse<World.Mode>(mode));
        world.Broker.Store(20);
        world.Start();
        world.Wait(TimeSpan.FromSeconds(10));
        world.Consumed.Clear();
        world.Broker.IsStoreRefused = true;
        world.Pump.Runs.Gate.Set(paused: true, rate: null);
        world.Pump.OnFlow();
        world.Broker.ResetTo = 5;
        Until(world, () => world.Pump.State is { Move: null, Phase: QueuePhase.Paused } && world.Pump.Runs.Window.Watermark == 5);

        world.Fence(closed: true);
        world.Fence(closed: false);
        world.Wait(TimeSpan.FromSeconds(5));
        world.Broker.IsStoreRefused = false;
        world.Pump.Runs.Gate.Set(paused: false, rate: null);
        world.Pump.OnFlow();
        world.Wait(TimeSpan.FromSeconds(30));

        Assert.Equal(Enumerable.Range(5, 15).Select(offset => (long)offset), world.Consumed.Order());
        Assert.Equal(20, world.Broker.Committed);
    }

    [Theory]
    [InlineData("Concurrent")]
    [InlineData("Orderly")]
    [InlineData("KeyOrdered")]
    public void It_holds_although_the_queue_has_told_the_store_nothing_before_and_the_fence_was_closed(string mode)
    {
        var world = new World(Enum.Parse<World.Mode>(mode));
        world.Broker.Store(20);
        world.Broker.Commit(20);
        world.Start();
        world.Broker.IsStoreRefused = true;
        world.Wait(TimeSpan.FromSeconds(1));
        Assert.Empty(world.Consumed);

        ResetBehindPause(world);
        CloseAndOpenFence(world);

        Assert.Equal(Enumerable.Range(5, 15).Select(offset => (long)offset), world.Consumed.Order());
        Assert.Equal(20, world.Broker.Committed);
    }

    [Theory]
    [InlineData("Concurrent")]
    [InlineData("Orderly")]
    [InlineData("KeyOrdered")]
    public void It_holds_although_the_store_has_taken_what_it_was_told_before_without_an_answer_and_the_fence_was_closed(string mode)
    {
        var world = new World(Enum.Parse<World.Mode>(mode));
        world.Broker.Store(10);
        world.Start();
        world.Wait(TimeSpan.FromSeconds(10));
        Assert.Equal(10, world.Broker.Committed);
        world.Broker.IsStoreRefused = true;
        world.Broker.Store(10);
        world.Wait(TimeSpan.FromSeconds(10));
        world.Consumed.Clear();

        // It comes late, when the queue has given up waiting for the answer.
        world.Broker.Commit(20);
        ResetBehindPause(world);
        CloseAndOpenFence(world);

        Assert.Equal(Enumerable.Range(5, 15).Select(offset => (long)offset), world.Consumed.Order());
        Assert.Equal(20, world.Broker.Committed);
    }

    [Theory]
    [InlineData("Concurrent")]
    [InlineData("Orderly")]
    [InlineData("KeyOrdered")]
    public void Nothing_behind_it_is_committed_before_it_is_consumed_although_the_store_was_seen_to_have_more(string mode)
    {
        var world = new World(Enum.Parse<World.Mode>(mode));
        world.Broker.Store(20);
        world.Start();
        world.Wait(TimeSpan.FromSeconds(10));
        Assert.Equal(20, world.Broker.Committed);
        world.Broker.IsStoreRefused = true;
        ResetBehindPause(world);
        world.ListenerTakes = TimeSpan.FromMinutes(2);

        CloseAndOpenFence(world);

        // A listener has the first message still: whoever took the queue over now would begin behind it.
        Assert.True(world.InWork > 0);
        Assert.Equal(5, world.Broker.Committed);
    }

    /// <summary>The queue is where the broker wants it, its store does not know, and nothing of it is consumed yet.</summary>
    private static void ResetBehindPause(World world)
    {
        world.Pump.Runs.Gate.Set(paused: true, rate: null);
        world.Pump.OnFlow();
        world.Broker.ResetTo = 5;
        Until(world, () => world.Pump.State is { Move: null, Phase: QueuePhase.Paused } && world.Pump.Runs.Window.Watermark == 5);
        Assert.NotEqual(5, world.Broker.Committed);
    }

    private static void CloseAndOpenFence(World world)
    {
        world.Fence(closed: true);
        world.Fence(closed: false);
        world.Wait(TimeSpan.FromSeconds(5));
        world.Broker.IsStoreRefused = false;
        world.Pump.Runs.Gate.Set(paused: false, rate: null);
        world.Pump.OnFlow();
        world.Wait(TimeSpan.FromSeconds(30));
    }

    private static void Until(World world, Func<bool> isSo)
    {
        for (var waited = 0; waited < 600 && !isSo(); waited++)
        {
            world.Wait(TimeSpan.FromMilliseconds(100));
        }

        Assert.True(isSo());
    }
}
