using OrleansRocketMQ.Engine.Queue;

namespace OrleansRocketMQ.Engine.Tests.Alone;

/// <summary>What listeners have while their queue goes on elsewhere.</summary>
public sealed class MessagesInWorkTests
{
    [Theory]
    [InlineData("Concurrent")]
    [InlineData("Orderly")]
    [InlineData("KeyOrdered")]
    public void A_queue_that_stops_waits_for_what_listeners_have_of_before_a_seek(string mode)
    {
        var world = new World(Enum.Parse<World.Mode>(mode)) { ListenerTakes = TimeSpan.FromSeconds(3) };
        world.Broker.Store(6);
        world.Start();
        world.Wait(TimeSpan.FromMilliseconds(100));
        Assert.True(world.InWork > 0);
        world.Pump.Seek(6);
        world.Wait(TimeSpan.FromSeconds(1));

        // Whoever gets the queue next gives its messages to listeners at once, the one after these among them.
        var stopping = world.Pump.StopAsync(TimeSpan.FromSeconds(10));
        for (var waited = 0; waited < 100 && !stopping.IsCompleted; waited++)
        {
            world.Wait(TimeSpan.FromMilliseconds(100));
        }

        Assert.True(stopping.IsCompletedSuccessfully);
        Assert.Equal(0, world.InWork);
        Assert.Equal(0, world.Pump.Abandoned);
        Assert.Equal(0, world.SiloBytes.Used);
        Assert.Equal(6, world.Broker.Committed);
    }

    [Theory]
    [InlineData("Concurrent")]
    [InlineData("Orderly")]
    [InlineData("KeyOrdered")]
    public void What_ends_before_a_queue_goes_on_where_another_member_came_is_not_consumed_again(string mode)
    {
        var world = new World(Enum.Parse<World.Mode>(mode));
        world.Start();
        world.Wait(TimeSpan.FromMilliseconds(100));
        world.Broker.Store(4);
        world.Wait(TimeSpan.FromMilliseconds(300));
        Assert.Equal(4, world.Consumed.Count);

        // A commit that takes its time, behind which the queue waits for its turn; and messages in work meanwhile.
        world.Broker.StoreTakes = TimeSpan.FromSeconds(5);
        world.Wait(world.Options.PersistInterval);
        world.ListenerTakes = TimeSpan.FromSeconds(2);
        world.Broker.Store(6);
        world.Wait(TimeSpan.FromMilliseconds(300));
        Assert.True(world.InWork > 0);
        OtherMemberGoesOn(world, to: 5);
        world.Wait(TimeSpan.FromSeconds(30));

        Assert.Equal(Enumerable.Range(0, 10).Select(offset => (long)offset), world.Consumed.Order());
        Assert.Equal(10, world.Broker.Committed);
    }

    /// <summary>The fence closes, another member consumes, the fence opens.</summary>
    private static void OtherMemberGoesOn(World world, long to)
    {
        world.Fence(closed: true);
        world.Broker.Commit(to);
        world.Fence(closed: false);
    }
}
