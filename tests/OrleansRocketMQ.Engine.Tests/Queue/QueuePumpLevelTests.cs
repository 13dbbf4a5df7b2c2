using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Engine.Flow;
using OrleansRocketMQ.Engine.Group;
using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Tests.Support;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Engine.Tests.Queue;

/// <summary>What a queue tells of itself: how far behind it is, whether its broker is heard, when it stands still for too long.</summary>
public sealed class QueuePumpLevelTests
{
    private readonly PumpLab _lab = new();

    [Theory]
    [InlineData(132, false)]
    [InlineData(133, true)]
    public void A_queue_is_behind_when_more_is_at_its_broker_than_it_may_hold(int stored, bool isBehind)
    {
        _lab.Options.PullThresholdForQueue = 100;
        _lab.Brokers.Store(PumpLab.Queue, stored);
        AnswerOnce();
        _lab.Start();

        Assert.Equal((32, 0), (_lab.Pump.Runs.Waiting, _lab.Pump.Waits));
        Assert.Equal(isBehind, _lab.Pump.IsBehind);
    }

    [Fact]
    public void A_queue_without_room_is_not_behind_however_much_there_is()
    {
        _lab.Options.PullThresholdForQueue = 32;
        _lab.Brokers.Store(PumpLab.Queue, 500);
        _lab.Start();

        Assert.Equal((32, 1), (_lab.Pump.Runs.Waiting, _lab.Pump.Waits));
        Assert.False(_lab.Pump.IsBehind);
    }

    [Fact]
    public void A_broker_is_unheard_when_its_answer_is_late_by_more_than_five_seconds()
    {
        _lab.Brokers.Store(PumpLab.Queue, 3);
        AnswerOnce();
        _lab.Start();

        _lab.World.Wait(20);
        Assert.Equal((false, 3L), (_lab.Pump.IsUnheard, _lab.Pump.Lag));
        _lab.World.Wait(0.01);
        Assert.Equal((true, null), (_lab.Pump.IsUnheard, _lab.Pump.Lag));
        Assert.Equal(-1, _lab.Snapshot().MaxOffset);
    }

    [Fact]
    public void A_broker_that_refuses_all_pulls_is_unheard_after_that_time_and_its_lag_is_unknown_at_once()
    {
        _lab.Brokers.Store(PumpLab.Queue, 3);
        _lab.Start();
        _lab.Brokers.Faults["pull"] = static () => new BrokerNotAvailableException("away");
        _lab.Brokers.Faults["max"] = _lab.Brokers.Faults["pull"];
        _lab.Pump.RestartPull();
        _lab.Run();
        Assert.Equal((false, null), (_lab.Pump.IsUnheard, _lab.Pump.Lag));

        _lab.World.Wait(20);
        Assert.False(_lab.Pump.IsUnheard);
        _lab.World.Wait(0.01);
        Assert.True(_lab.Pump.IsUnheard);

        _lab.Brokers.Faults.Clear();
        _lab.Brokers.Store(PumpLab.Queue, 1);
        _lab.World.Wait(3);
        Assert.Equal((false, 4L), (_lab.Pump.IsUnheard, _lab.Pump.Lag));
    }

    [Theory]
    [InlineData("pull", 150)]
    [InlineData("query", 120)]
    public void A_queue_whose_broker_never_answers_is_told_of_two_minutes_after_any_answer_would_have_come(string call, int seconds)
    {
        _lab.Options.ConsumeTimeout = TimeSpan.FromSeconds(10);
        _lab.Brokers.Holds[call] = new TaskCompletionSource().Task;
        _lab.Start();

        // It is looked at every ten seconds, the first time to see what there is.
        WaitWatched(seconds + 10);
        Assert.Equal(0, _lab.Log.Count(138));
        WaitWatched(10);
        Assert.Equal(1, _lab.Log.Count(138));
    }

    [Fact]
    public void A_queue_that_waits_for_a_listener_is_told_of_two_minutes_after_the_listeners_time()
    {
        _lab.Options.ConsumeTimeout = TimeSpan.FromSeconds(40);
        _lab.Brokers.Store(PumpLab.Queue, 3);
        _lab.Start();
        _lab.Lease(1);
        _lab.Seek(0);
        Assert.Equal(QueueTask.WaitForListeners, _lab.Pump.State.Task);

        WaitWatched(170);
        Assert.Equal(0, _lab.Log.Count(138));
        WaitWatched(10);
        Assert.Equal(1, _lab.Log.Count(138));
    }

    [Fact]
    public void The_status_says_why_a_queue_stands_still()
    {
        _lab.Start();
        var stop = new QueueStop(PumpLab.Queue, "id", 0, "a rule of the group");
        _lab.Pump.Runs.Gate.Stop(stop);
        Assert.Equal((stop.ToString(), true), (_lab.Pump.Level.LastError, _lab.Pump.Level.HasFailed));
        Assert.Equal((stop.ToString(), true, true), (_lab.Snapshot().LastError, _lab.Snapshot().HasFailed, _lab.Snapshot().IsPaused));

        _lab.Pump.Runs.Gate.Break("a rule of the engine");
        Assert.Contains("a rule of the engine", _lab.Pump.Level.LastError, StringComparison.Ordinal);
    }

    [Fact]
    public void What_it_says_of_a_closed_fence_is_over_with_it()
    {
        _lab.Brokers.Store(PumpLab.Queue, 3);
        _lab.Start();
        _lab.Fence(closed: true);
        Assert.NotEmpty(_lab.Pump.Level.LastError);

        _lab.Fence(closed: false);

        Assert.Equal((string.Empty, QueuePhase.Running), (_lab.Pump.Level.LastError, _lab.Phase));
    }

    [Theory]
    [InlineData(ResponseCodes.NoPermission, QueuePhase.Paused)]
    [InlineData(ResponseCodes.SystemError, QueuePhase.BackingOff)]
    public void A_paused_queue_whose_end_may_not_be_asked_for_has_not_failed(int code, object phase)
    {
        _lab.Brokers.Faults["max"] = () => FakeBrokers.Refusal(code);
        _lab.Start();
        _lab.Pause(true);

        // The pull under way ends by itself.
        _lab.World.Wait(15.1);

        Assert.Equal(phase, _lab.Phase);
        Assert.Equal(phase is QueuePhase.Paused, _lab.Pump.Level.LastError.Length == 0);
    }

    [Fact]
    public void A_queue_that_came_from_nowhere_has_stood_still_for_no_time()
    {
        _lab.Brokers.Store(PumpLab.Queue, 40);
        _lab.Start();

        Assert.Empty(_lab.Metrics.TakenOverAfter);
    }

    /// <summary>The first pull is answered, and no other one.</summary>
    private void AnswerOnce() => _lab.Brokers.Answer = _ =>
    {
        _lab.Brokers.Holds["pull"] = new TaskCompletionSource().Task;
        return null;
    };

    // As the group's watchdog looks at all its queues.
    private void WaitWatched(int seconds)
    {
        for (var passed = TimeSpan.Zero; passed < TimeSpan.FromSeconds(seconds); passed += GroupWatchdog.Interval)
        {
            _lab.World.Wait(GroupWatchdog.Interval, TimeSpan.FromSeconds(1));
            _lab.Pump.LookWhetherItMoves();
        }
    }
}
