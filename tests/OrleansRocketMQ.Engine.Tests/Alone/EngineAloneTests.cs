using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Tests.Scheduling;

namespace OrleansRocketMQ.Engine.Tests.Alone;

/// <summary>The engine needs no silo, and no step of it is taken that its scheduler does not own.</summary>
public sealed class EngineAloneTests
{
    public static TheoryData<string> Modes => [.. Enum.GetNames<World.Mode>()];

    [Theory]
    [MemberData(nameof(Modes))]
    public void A_queue_is_pulled_consumed_committed_and_left_by_steps_of_the_scheduler_alone(string mode)
    {
        var world = New(mode);
        world.Broker.Store(100);
        world.Start();

        world.Wait(TimeSpan.FromSeconds(10));

        Assert.Equal(Enumerable.Range(0, 100).Select(offset => (long)offset), world.Consumed.Order());
        Assert.Equal(100, world.Broker.Committed);
        Assert.Equal(QueuePhase.Running, world.Pump.State.Phase);
        world.Broker.Store(1);
        world.Wait(TimeSpan.FromSeconds(1));
        var stopping = world.Pump.StopAsync(TimeSpan.FromSeconds(5));
        world.Wait(TimeSpan.FromSeconds(1));

        Assert.True(stopping.IsCompletedSuccessfully);
        Assert.Equal(101, world.Broker.Committed);
        Assert.Equal(0, world.SiloBytes.Used);
        Assert.False(world.Broker.IsLocked);
        Assert.Equal(0, world.Steps.Foreign);
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void Nothing_of_what_is_asked_in_a_grains_turn_goes_on_there(string mode)
    {
        var (world, turn) = (New(mode), new StepScheduler());
        world.Broker.Store(10);
        world.Start();
        world.Wait(TimeSpan.FromSeconds(1));
        var (seek, stopping) = (default(SeekRequest), Task.CompletedTask);

        turn.Begin(() =>
        {
            seek = world.Pump.Seek(5);
            world.Pump.OnFlow();
            world.Pump.RestartPull();
            return Task.CompletedTask;
        });
        turn.Run();
        world.Wait(TimeSpan.FromSeconds(1));
        turn.Begin(() =>
        {
            stopping = Task.WhenAll(
                world.Pump.StopAsync(TimeSpan.FromSeconds(5)),
                world.Pump.ClearCheckpointAsync(orLeaveIt: true),
                world.Persister.StopAsync(),
                world.Locks?.StopAsync() ?? Task.CompletedTask);
            return Task.CompletedTask;
        });
        turn.Run();
        var taken = turn.Taken;
        world.Wait(TimeSpan.FromSeconds(1));
        turn.Run();

        Assert.True(seek!.Done.IsCompletedSuccessfully);
        Assert.Equal([5, 6, 7, 8, 9], world.Consumed.Skip(10).Order());
        Assert.True(stopping.IsCompletedSuccessfully);
        Assert.Equal(taken, turn.Taken);
        Assert.Equal(0, world.Steps.Foreign);
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void Nothing_is_handed_out_behind_a_closed_fence_and_all_of_it_afterwards(string mode)
    {
        var world = New(mode);
        world.Start();
        world.Wait(TimeSpan.FromSeconds(1));
        world.Fence(closed: true);
        world.Broker.Store(10);
        world.Wait(TimeSpan.FromSeconds(20));
        Assert.Empty(world.Consumed);
        Assert.Equal(QueuePhase.Fenced, world.Pump.State.Phase);

        world.Fence(closed: false);
        world.Wait(TimeSpan.FromSeconds(5));

        Assert.Equal(Enumerable.Range(0, 10).Select(offset => (long)offset), world.Consumed.Order());
        Assert.Equal(0, world.Steps.Foreign);
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void Where_a_queue_begins_is_asked_again_when_the_fence_was_closed_meanwhile(string mode)
    {
        var world = New(mode);
        world.Broker.Store(20);
        world.Broker.OffsetTakes = TimeSpan.FromSeconds(2);
        world.Start();
        world.Wait(TimeSpan.FromSeconds(1));
        Assert.Equal(QueuePhase.Positioning, world.Pump.State.Phase);

        OtherMemberGoesOn(world, to: 10);
        world.Wait(TimeSpan.FromSeconds(30));

        Assert.Equal(From(10, 20), world.Consumed.Order());
        Assert.Equal(20, world.Broker.Committed);
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void How_far_another_member_came_is_asked_again_when_the_fence_was_closed_meanwhile(string mode)
    {
        var world = New(mode);
        world.Start();
        world.Wait(TimeSpan.FromSeconds(1));
        world.Fence(closed: true);
        world.Broker.Store(20);
        world.Broker.Commit(5);
        world.Broker.OffsetTakes = TimeSpan.FromSeconds(2);
        world.Fence(closed: false);
        world.Wait(TimeSpan.FromSeconds(1));
        Assert.Equal(QueuePhase.Verifying, world.Pump.State.Phase);

        OtherMemberGoesOn(world, to: 10);
        world.Wait(TimeSpan.FromSeconds(30));

        Assert.Equal(From(10, 20), world.Consumed.Order());
        Assert.Equal(20, world.Broker.Committed);
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void How_far_another_member_came_is_asked_when_the_fence_was_closed_while_a_second_seek_was_being_stored(string mode)
    {
        var world = New(mode);
        world.Broker.Store(20);
        world.Start();
        world.Wait(TimeSpan.FromSeconds(10));
        world.Consumed.Clear();
        world.Broker.StoreTakes = TimeSpan.FromSeconds(2);
        world.Pump.Seek(3);
        world.Wait(TimeSpan.FromSeconds(1));
        world.Pump.Seek(5);
        world.Wait(TimeSpan.FromSeconds(2));
        Assert.True(world.Pump.State is { IsPositioned: false, Move: { Step: MoveStep.Storing, Offset: 5 } });

        OtherMemberGoesOn(world, to: 15);
        world.Wait(TimeSpan.FromSeconds(30));

        Assert.Equal(From(15, 20), world.Consumed.Order());
        Assert.Equal(20, world.Broker.Committed);
    }

    /// <summary>The fence closes, another member consumes, the fence opens.</summary>
    private static void OtherMemberGoesOn(World world, long to)
    {
        world.Fence(closed: true);
        world.Broker.Commit(to);
        world.Fence(closed: false);
    }

    private static IEnumerable<long> From(int from, int to) => Enumerable.Range(from, to - from).Select(offset => (long)offset);

    private static World New(string mode) => new(Enum.Parse<World.Mode>(mode));
}
