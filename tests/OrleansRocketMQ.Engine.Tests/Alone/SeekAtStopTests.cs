using OrleansRocketMQ.Engine.Queue;
using Xunit;

namespace OrleansRocketMQ.Engine.Tests.Alone;

/// <summary>A queue that stops while the store is being told of a seek.</summary>
public sealed class SeekAtStopTests
{
    [Theory]
    [InlineData("Concurrent")]
    [InlineData("Orderly")]
    [InlineData("KeyOrdered")]
    public void A_seek_that_the_store_takes_while_the_queue_stops_holds(string mode)
    {
        var world = new World(Enum.Parse<World.Mode>(mode));
        world.Start();
        world.Wait(TimeSpan.FromSeconds(1));
        world.Pump.Runs.Gate.Set(paused: true, rate: null);
        world.Pump.OnFlow();
        world.Broker.Store(20);
        world.Wait(TimeSpan.FromSeconds(1));
        world.Broker.StoreTakes = TimeSpan.FromSeconds(2);

        var seek = world.Pump.Seek(10);
        world.Wait(TimeSpan.FromSeconds(1));
        Assert.Equal(MoveStep.Storing, world.Pump.State.Move?.Step);
        var stopping = world.Pump.StopAsync(TimeSpan.FromSeconds(1));
        world.Wait(TimeSpan.FromSeconds(10));

        // Who asked must not hear no while the store has it: the next owner begins there.
        Assert.True(stopping.IsCompletedSuccessfully);
        Assert.True(seek.Done.IsCompletedSuccessfully);
        Assert.Equal(10, world.Broker.Committed);
        Assert.Equal(10, world.Pump.Progress?.Watermark);
    }

    [Fact]
    public void A_seek_that_the_store_does_not_take_while_the_queue_stops_does_not_hold_and_what_is_consumed_is_told_again()
    {
        var machine = new QueueStateMachine(QueueState.New(needsLock: false), static _ => { });
        machine.Raise(QueueEventKind.Positioned);
        var seek = machine.Seek(10, out _);
        machine.Raise(QueueEvent.StoreBegun(seek.Move));
        machine.Raise(QueueEventKind.Stop);
        Assert.Equal(-1, machine.Current.Committable(watermark: 5));

        machine.Raise(QueueEventKind.AttemptFailed);

        Assert.True(seek.Done.IsCanceled);
        Assert.Equal(5, machine.Current.Committable(watermark: 5));
    }
}
