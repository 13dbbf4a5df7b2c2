using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Tests.Support;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Engine.Tests.Queue;

/// <summary>A queue that is to go elsewhere, or to stand still, does so whatever comes between.</summary>
public sealed class QueuePumpMoveTests
{
    private readonly PumpLab _lab = new();

    public QueuePumpMoveTests() => _lab.Brokers.Store(PumpLab.Queue, 100);

    [Fact]
    public void A_seek_is_stored_at_once_drops_what_waits_and_waits_for_what_listeners_have()
    {
        _lab.Start();
        var range = _lab.Lease(5);
        var seek = _lab.Seek(70);
        Assert.Equal((70L, false), (_lab.Committed, seek.Done.IsCompleted));
        Assert.Equal((5, QueuePhase.Draining), (_lab.Pump.Runs.Window.Count, _lab.Phase));
        Assert.True(_lab.Lease().IsEmpty);

        _lab.Complete(range);

        Assert.True(seek.Done.IsCompletedSuccessfully);
        Assert.Equal(70, _lab.Lease(1).Messages[0].QueueOffset);
        Assert.Equal([131, 235], _lab.Log.Ids);
        Assert.Equal(70, _lab.Snapshot().CommittedOffset);
        _lab.Commit();
        Assert.Equal(70, _lab.Committed);
    }

    [Fact]
    public void Where_what_fails_stays_in_the_queue_a_seek_waits_for_nobody()
    {
        _lab.KeepsFailedMessages = true;
        _lab.Start();
        var range = _lab.Lease(5);

        Assert.True(_lab.Seek(70).Done.IsCompletedSuccessfully);

        _lab.Complete(range);
        Assert.Equal(70, _lab.Pump.Runs.Window.Watermark);
        Assert.Equal(70, _lab.Brokers.Pulls[^2].Offset);
    }

    [Fact]
    public void A_seek_the_store_does_not_take_is_tried_again_and_may_be_withdrawn()
    {
        _lab.Start();
        _lab.Brokers.Faults["update"] = static () => new BrokerNotAvailableException("away");
        var seek = _lab.Seek(70);
        Assert.False(seek.Done.IsCompleted);
        Assert.False(_lab.Pump.Withdraw(seek));
        _lab.Brokers.Faults.Clear();
        _lab.World.Wait(1.1);
        Assert.True(seek.Done.IsCompletedSuccessfully);
        Assert.Equal(70, _lab.Committed);

        _lab.Fence(closed: true);
        var other = _lab.Seek(5);
        Assert.True(_lab.Pump.Withdraw(other));
        Assert.True(other.Done.IsCanceled);
    }

    /// <summary>Seed 15965: a reset that was stored was lost so.</summary>
    [Fact]
    public void What_came_along_at_the_start_says_nothing_of_a_queue_that_looks_for_its_place_once_more()
    {
        _lab.Start(new QueueArrival(new(60, 60, []), HasCheckpoint: false, IdleSince: 0));
        var range = _lab.Lease(5);
        _lab.Seek(20);
        Assert.Equal((20L, QueuePhase.Draining), (_lab.Committed, _lab.Phase));
        _lab.Fence(closed: true);
        Assert.True(_lab.Pump.Withdraw(_lab.Seek(45)));

        _lab.Fence(closed: false);
        _lab.Complete(range);
        _lab.World.Wait(1.1);

        Assert.Equal(20, _lab.Lease(1).Messages[0].QueueOffset);
    }

    [Fact]
    public void A_seek_removes_the_checkpoint_before_the_store_hears_of_it_and_waits_while_that_fails()
    {
        _lab.Start(checkpoints: true);
        _lab.Commit();
        var (first, second) = (_lab.Lease(1), _lab.Lease(1));
        _lab.Complete(second);
        Assert.True(_lab.World.Get(_lab.Pump.WriteCheckpointAsync));
        Assert.True(_lab.Pump.HasCheckpoint);
        _lab.Records.FailsToWrite = true;
        var seek = _lab.Seek(70);
        Assert.Equal(0, _lab.Committed);
        _lab.Records.FailsToWrite = false;
        _lab.World.Wait(1.1);
        _lab.Complete(first);

        Assert.True(seek.Done.IsCompletedSuccessfully);
        Assert.Equal((70L, 0), (_lab.Committed, _lab.Records.Count));
        Assert.False(_lab.Pump.HasCheckpoint);
    }

    [Fact]
    public void A_reset_by_the_broker_goes_on_even_when_checkpoint_and_store_refuse_it()
    {
        _lab.Start(checkpoints: true);
        _lab.Commit();
        var (first, second) = (_lab.Lease(1), _lab.Lease(1));
        _lab.Complete(second);
        _lab.World.Do(_lab.Pump.WriteCheckpointAsync);
        _lab.Records.FailsToWrite = true;
        _lab.Brokers.Faults["update"] = static () => new BrokerNotAvailableException("away");
        ResetOnce(30);
        _lab.Consume(90);
        _lab.Complete(first);
        _lab.World.Wait(20);

        Assert.Contains(30L, _lab.Brokers.Pulls.Select(pull => pull.Offset));
        Assert.Equal(1, _lab.Log.Count(132));
        Assert.True(_lab.Log.Count(223) > 0);
        _lab.Brokers.Faults.Clear();
        _lab.Commit();
        Assert.True(_lab.Committed >= 30);
    }

    /// <summary>Finding F4.</summary>
    [Fact]
    public void A_reset_is_stored_at_once_and_a_stop_in_the_middle_of_it_does_not_undo_it()
    {
        _lab.Start();
        var range = _lab.Lease(10);
        ResetOnce(20);
        _lab.World.Wait(16);
        Assert.Equal((20L, QueuePhase.Draining), (_lab.Committed, _lab.Phase));
        Assert.Equal(20, _lab.Pump.Progress!.Watermark);

        var stopping = _lab.Stop();
        _lab.Complete(range);

        Assert.True(stopping.IsCompletedSuccessfully);
        Assert.Equal(20, _lab.Committed);
    }

    /// <summary>Finding F4.</summary>
    [Fact]
    public void A_reset_that_the_store_was_not_told_yet_is_told_when_the_queue_stops()
    {
        _lab.Start(checkpoints: true);
        _lab.Commit();
        var (first, second) = (_lab.Lease(1), _lab.Lease(1));
        _lab.Complete(second);
        _lab.World.Do(_lab.Pump.WriteCheckpointAsync);
        _lab.Records.NeverAnswersWrites = true;
        ResetOnce(20);
        Assert.Equal((0L, 20L), (_lab.Committed, _lab.Pump.Progress!.Watermark));
        var stopping = _lab.Stop();
        _lab.Complete(first);

        _lab.World.Wait(3.5);

        Assert.True(stopping.IsCompletedSuccessfully);
        Assert.Equal(20, _lab.Committed);
    }

    [Fact]
    public void A_reset_that_is_told_while_the_queue_stops_is_not_hidden_by_what_was_written_down_before_it()
    {
        _lab.Start(checkpoints: true);
        _lab.Commit();
        var (first, second) = (_lab.Lease(1), _lab.Lease(1));
        _lab.Complete(second);
        _lab.World.Do(_lab.Pump.WriteCheckpointAsync);
        ResetOnce(1, told: () => _lab.Pump.StopAsync(TimeSpan.FromSeconds(5)));
        _lab.Complete(first);
        _lab.World.Wait(1);

        Assert.Equal((1L, 0, QueuePhase.Stopped), (_lab.Committed, _lab.Records.Count, _lab.Phase));
    }

    /// <summary>Finding F3.</summary>
    [Fact]
    public void A_reset_goes_on_after_the_fence_was_closed_in_the_middle_of_it()
    {
        _lab.Start();
        var range = _lab.Lease(10);
        ResetOnce(20);
        _lab.World.Wait(16);
        Assert.Equal(QueuePhase.Draining, _lab.Phase);

        _lab.Fence(closed: true);
        _lab.Complete(range);
        _lab.World.Wait(60);
        Assert.Equal(QueuePhase.Fenced, _lab.Phase);
        Assert.Contains("not sure to be part", _lab.Snapshot().LastError, StringComparison.Ordinal);
        _lab.Fence(closed: false);
        _lab.World.Wait(1);

        Assert.Equal(QueuePhase.Running, _lab.Phase);
        Assert.Equal((20L, 20L), (_lab.Pump.Runs.Window.Watermark, _lab.Lease(1).Messages[0].QueueOffset));
        Assert.Equal(string.Empty, _lab.Snapshot().LastError);
    }

    [Fact]
    public void A_broker_that_goes_on_demanding_the_offset_the_queue_is_at_is_not_asked_without_a_pause()
    {
        _lab.Brokers.Answer = static request => new PullResult(PullStatus.OffsetIllegal, request.Offset, 0, 100, 0, default);
        _lab.Start();

        _lab.World.Wait(10);

        Assert.InRange(_lab.Brokers.Pulls.Count, 8, 40);
    }

    [Fact]
    public void Nothing_is_pulled_or_told_or_handed_out_behind_the_fence_and_all_goes_on_where_nobody_else_has()
    {
        _lab.Start();
        var range = _lab.Lease(10);
        _lab.Fence(closed: true);
        var pulls = _lab.Brokers.Pulls.Count;
        _lab.Complete(range);
        _lab.Commit();
        _lab.World.Wait(40);
        Assert.Equal((pulls, null), (_lab.Brokers.Pulls.Count, _lab.Committed));
        Assert.True(_lab.Lease().IsEmpty);
        var signals = _lab.Signals;

        _lab.Fence(closed: false);
        _lab.Commit();

        Assert.True(_lab.Signals > signals);
        Assert.Equal((10L, 90), (_lab.Committed, _lab.Lease().Messages.Count));
    }

    [Fact]
    public void A_queue_another_member_has_gone_on_with_meanwhile_goes_on_behind_him()
    {
        _lab.Start();
        var range = _lab.Lease(10);
        _lab.Fence(closed: true);
        _lab.Brokers.Offsets[PumpLab.Queue] = 50;
        _lab.Fence(closed: false);
        Assert.Equal(50, _lab.Pump.Progress!.Watermark);
        _lab.Complete(range);

        Assert.Equal(50, _lab.Lease(1).Messages[0].QueueOffset);
        Assert.Equal(1, _lab.Log.Count(234));
        Assert.Equal(50, _lab.Snapshot().CommittedOffset);
    }

    /// <summary>Finding M19.</summary>
    [Fact]
    public void A_fence_that_the_clock_has_closed_is_seen_before_anybody_has_told()
    {
        _lab.Start();
        _lab.CloseByTheClock(closed: true);
        Assert.True(_lab.Lease().IsEmpty);
        _lab.Commit();
        Assert.Null(_lab.Committed);
        _lab.Run();
        Assert.Equal(QueuePhase.Fenced, _lab.Phase);

        _lab.CloseByTheClock(closed: false);
        _lab.Run();
        Assert.Equal(QueuePhase.Running, _lab.Phase);
        Assert.Equal(100, _lab.Lease().Messages.Count);
    }

    [Fact]
    public void A_queue_that_starts_while_the_fence_is_closed_waits_for_it()
    {
        _lab.CloseByTheClock(closed: true);
        _lab.Start();
        Assert.Equal(QueuePhase.Fenced, _lab.Phase);
        Assert.Empty(_lab.Brokers.Calls);

        _lab.Fence(closed: false);
        Assert.Equal(QueuePhase.Running, _lab.Phase);
    }

    /// <summary>Finding F5.</summary>
    [Fact]
    public void A_paused_queue_pulls_nothing_asks_where_it_ends_now_and_then_and_leaves_no_waiter_behind()
    {
        _lab.Start();
        _lab.Pause(paused: true);
        Assert.Equal(QueuePhase.Paused, _lab.Phase);
        _lab.World.Wait(16);
        var (pulls, asked) = (_lab.Brokers.Pulls.Count, _lab.Brokers.CountOf("max"));
        _lab.Brokers.Store(PumpLab.Queue, 5);
        _lab.World.Wait(TimeSpan.FromSeconds(50), TimeSpan.FromSeconds(1));
        Assert.Equal((pulls, asked + 10), (_lab.Brokers.Pulls.Count, _lab.Brokers.CountOf("max")));
        Assert.Equal((105L, true), (_lab.Pump.Lag, _lab.Snapshot().IsPaused));
        Assert.True(_lab.Lease().IsEmpty);
        var taken = _lab.World.Steps.Taken;
        _lab.Pump.OnProgress();
        _lab.Run();
        Assert.InRange(_lab.World.Steps.Taken - taken, 0, 2);

        _lab.Pause(paused: false);
        _lab.World.Wait(0.1);
        Assert.Equal(QueuePhase.Running, _lab.Phase);
        Assert.True(_lab.Brokers.Pulls.Count > pulls);
    }

    [Fact]
    public void A_queue_that_does_not_recover_by_itself_stands_still_after_some_failures_until_somebody_says_go_on()
    {
        _lab.Options.AutoRecovery = false;
        _lab.Options.MaxRetryTimes = 2;
        _lab.Brokers.Faults["pull"] = static () => new BrokerNotAvailableException("away");
        _lab.Start();
        _lab.World.Wait(1.1);
        Assert.Equal((QueuePhase.Halted, 2), (_lab.Phase, _lab.Brokers.Pulls.Count));
        Assert.True(_lab.Snapshot().HasFailed && _lab.Pump.Level.HasFailed);
        Assert.Equal(1, _lab.Log.Count(139));
        _lab.World.Wait(60);
        Assert.Equal(2, _lab.Brokers.Pulls.Count);

        _lab.Brokers.Faults.Clear();
        _lab.Pump.Recover();
        _lab.Run();
        Assert.Equal(QueuePhase.Running, _lab.Phase);
        Assert.Equal(1, _lab.Log.Count(140));
    }

    /// <summary>Finding F11.</summary>
    [Fact]
    public void A_broker_that_forgot_the_group_hears_of_it_before_the_next_pull_and_a_seek_does_not_wait_for_that()
    {
        _lab.Start();
        _lab.Brokers.Faults["pull"] = static () => FakeBrokers.Refusal(ResponseCodes.SubscriptionNotExist);
        var answer = new TaskCompletionSource();
        _lab.Brokers.Holds["heartbeat"] = answer.Task;
        _lab.World.Wait(16);
        Assert.Equal([("heartbeat", "broker-a:10911")], _lab.Brokers.Calls.Where(call => call.Call == "heartbeat"));
        var pulls = _lab.Brokers.Pulls.Count;
        _lab.World.Wait(30);
        Assert.Equal(pulls, _lab.Brokers.Pulls.Count);

        _lab.Brokers.Faults.Clear();
        var seek = _lab.Seek(70);
        Assert.True(seek.Done.IsCompletedSuccessfully);
        Assert.True(_lab.Brokers.Pulls.Count > pulls);
    }

    [Fact]
    public void After_the_broker_has_heard_of_the_group_the_queue_is_pulled_on()
    {
        _lab.Start();
        _lab.Brokers.Faults["pull"] = static () => FakeBrokers.Refusal(ResponseCodes.SubscriptionNotLatest);
        _lab.Brokers.Faults["heartbeat"] = () =>
        {
            _lab.Brokers.Faults.Remove("pull");
            return new BrokerNotAvailableException("away");
        };
        _lab.World.Wait(18);

        Assert.Equal(QueuePhase.Running, _lab.Phase);
        Assert.Equal(1, _lab.Brokers.CountOf("heartbeat"));
    }

    [Fact]
    public void A_queue_in_order_is_worked_on_only_while_its_lock_is_held_and_begins_anew_with_the_next()
    {
        _lab.Options.LockInterval = TimeSpan.FromSeconds(20);
        _lab.Options.LockExpiry = TimeSpan.FromSeconds(30);
        _lab.Start(locks: true);
        Assert.Equal(("me", true), (_lab.Brokers.HolderOf(PumpLab.Queue), _lab.Snapshot().IsLocked));
        var range = _lab.Lease(10);
        _lab.Brokers.Faults["lock"] = static () => new BrokerNotAvailableException("away");
        _lab.World.Wait(TimeSpan.FromSeconds(35), TimeSpan.FromSeconds(0.1));
        Assert.Equal((QueuePhase.AwaitingLock, false), (_lab.Phase, _lab.Snapshot().IsLocked));
        Assert.Equal((1, 0), (_lab.Metrics["locklost"], _lab.Pump.Runs.Window.Count));
        Assert.False(_lab.Pump.Ownership.IsValid);
        _lab.Complete(range);
        _lab.Commit();
        Assert.Null(_lab.Committed);

        _lab.Brokers.Faults.Clear();
        _lab.Brokers.Offsets[PumpLab.Queue] = 44;
        _lab.World.Wait(TimeSpan.FromSeconds(25), TimeSpan.FromSeconds(0.1));
        Assert.Equal(QueuePhase.Running, _lab.Phase);
        Assert.Equal(44, _lab.Lease(1).Messages[0].QueueOffset);
        Assert.Equal(2, _lab.Pump.Ownership.Number);
        _lab.Stop();
        _lab.World.Wait(6);
        Assert.Null(_lab.Brokers.HolderOf(PumpLab.Queue));
    }

    private void ResetOnce(long offset, Action? told = null)
    {
        var isTold = false;
        _lab.Brokers.Answer = request =>
        {
            if (isTold || request.Offset < 100)
            {
                return null;
            }

            isTold = true;
            told?.Invoke();
            return new PullResult(PullStatus.OffsetIllegal, offset, 0, 101, 0, default);
        };
        _lab.Pump.RestartPull();
        _lab.Run();
    }
}
