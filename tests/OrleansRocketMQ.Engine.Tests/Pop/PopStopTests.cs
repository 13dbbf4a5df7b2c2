using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Pop;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Tests.Support;

namespace OrleansRocketMQ.Engine.Tests.Pop;

/// <summary>What stops a queue that is popped, and how soon.</summary>
public sealed class PopStopTests
{
    private readonly PopLab _lab = new();

    [Fact]
    public void A_gate_that_breaks_while_the_queue_waits_for_room_pauses_it()
    {
        _lab.Options.PullThresholdForQueue = 32;
        _lab.ListenerTakes = TimeSpan.FromMinutes(5);
        _lab.Pops.Store(100);
        _lab.Start().Wait(1);
        Assert.Equal(PopPhase.Popping, _lab.Pump.State.Phase);

        _lab.Gate.Break("a rule");
        _lab.Pump.Fail(new InvalidOperationException("It is broken."));
        _lab.World.Steps.Run();

        Assert.Equal(PopPhase.Paused, _lab.Pump.State.Phase);
    }

    [Fact]
    public void A_stop_does_not_wait_beyond_its_budget_for_a_broker_that_keeps_a_pop_waiting()
    {
        _lab.Options.PopPollTime = TimeSpan.FromSeconds(40);
        _lab.Start().Wait(1);

        var stopping = _lab.Stop(seconds: 2);
        _lab.Wait(3);

        Assert.True(stopping.IsCompletedSuccessfully);
    }

    [Fact]
    public void A_queue_stops_that_waits_for_a_broker_which_hears_of_nothing()
    {
        _lab.Options.PullThresholdForQueue = 32;
        _lab.Brokers.Faults["ack"] = static () => FakeBrokers.Refusal(Protocol.ResponseCodes.SystemBusy);
        _lab.Pops.Store(100);
        _lab.Start().Wait(2);
        Assert.Equal((0, 32, false), (_lab.Pump.Runs.Window.Count, _lab.Pump.Book.Count, _lab.Pump.IsUnheard));
        _lab.Wait(6);
        Assert.True(_lab.Pump.IsUnheard);

        var stopping = _lab.Stop(seconds: 2);
        _lab.Wait(10);

        Assert.True(stopping.IsCompletedSuccessfully);
    }

    [Fact]
    public void A_rule_that_stops_a_further_share_stops_the_queue_itself()
    {
        _lab.Brokers.Offsets[PopLab.Queue] = 0;
        _lab.Fails = static _ => new FailedMessage(0, 0, "no") { StopsQueue = true };
        _lab.Pops.Store(1);

        _lab.Start(QueueShare.Of(PopLab.Queue, 2)).Wait(1);

        Assert.Equal(PopLab.Queue, Assert.Single(_lab.Stops).Queue);
    }

    [Fact]
    public void A_message_that_stopped_its_queue_goes_to_others_before_its_time_is_over()
    {
        _lab.Fails = static _ => new FailedMessage(0, 0, "no") { StopsQueue = true };
        _lab.Pops.Store(1);
        _lab.Start().Wait(1);
        Assert.Equal((1, 1), (_lab.Pump.Runs.Window.Count, _lab.Pops.Hidden));

        _lab.Wait(50);

        Assert.Equal((0, 0, 1), (_lab.Pump.Runs.Window.Count, _lab.Pops.Hidden, _lab.Pops.Waiting));
        Assert.DoesNotContain(_lab.Pops.Changed, change => change.Time == _lab.Options.PopInvisibleTime);
    }
}
