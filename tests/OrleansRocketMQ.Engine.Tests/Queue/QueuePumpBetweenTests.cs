using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Tests.Support;
using OrleansRocketMQ.Engine.Window;

namespace OrleansRocketMQ.Engine.Tests.Queue;

/// <summary>
/// What comes to a queue while it waits for something else: cells of <see cref="QueueStateTable"/> that were wrong once, seen from
/// outside.
/// </summary>
public sealed class QueuePumpBetweenTests
{
    private readonly PumpLab _lab = new();

    public QueuePumpBetweenTests() => _lab.Brokers.Store(PumpLab.Queue, 100);

    [Theory]
    [InlineData("a seek")]
    [InlineData("a reset")]
    [InlineData("another member")]
    public void A_queue_that_is_paused_while_it_waits_for_listeners_goes_where_it_is_to_go(string why)
    {
        var range = Move(why);

        _lab.Pause(paused: true);
        _lab.Complete(range);
        Assert.Equal((QueuePhase.Paused, 50L), (_lab.Phase, _lab.Pump.Runs.Window.Watermark));
        Assert.True(_lab.Lease().IsEmpty);

        _lab.Pause(paused: false);
        Assert.Equal(50, _lab.Lease(1).Messages[0].QueueOffset);
    }

    [Theory]
    [InlineData("a seek")]
    [InlineData("a reset")]
    [InlineData("another member")]
    public void A_seek_is_stored_at_once_though_the_queue_waits_for_listeners_already(string why)
    {
        var range = Move(why);

        var seek = _lab.Seek(70);
        Assert.Equal((70L, false), (_lab.Committed, seek.Done.IsCompleted));
        _lab.Complete(range);

        Assert.True(seek.Done.IsCompletedSuccessfully);
        Assert.Equal(70, _lab.Lease(1).Messages[0].QueueOffset);
    }

    [Theory]
    [InlineData("a seek")]
    [InlineData("a reset")]
    [InlineData("another member")]
    public void A_stop_that_comes_while_the_queue_waits_for_listeners_leaves_it_where_it_was_to_go(string why)
    {
        var range = Move(why);

        var stopping = _lab.Stop();
        _lab.Complete(range);

        Assert.True(stopping.IsCompletedSuccessfully);
        Assert.Equal((50L, 50L), (_lab.Committed, _lab.Pump.Progress!.Watermark));
    }

    [Fact]
    public void A_reset_that_is_told_after_another_one_counts()
    {
        var range = Move("a reset");
        ResetOnce(10, behind: 50);

        _lab.Complete(range);
        _lab.World.Wait(0.1);

        Assert.Equal(10, _lab.Committed);
        Assert.Equal(10, _lab.Lease(1).Messages[0].QueueOffset);
    }

    [Fact]
    public void What_a_queue_holds_that_has_given_up_is_handed_out_once_the_fence_is_open_again()
    {
        _lab.Options.AutoRecovery = false;
        _lab.Options.MaxRetryTimes = 1;
        _lab.Brokers.Faults["pull"] = () => _lab.Brokers.Pulls.Count > 4 ? new BrokerNotAvailableException("away") : null;
        _lab.Start();
        _lab.World.Wait(1);
        Assert.Equal((QueuePhase.Halted, 100), (_lab.Phase, _lab.Pump.Runs.Window.Count));

        _lab.Fence(closed: true);
        Assert.True(_lab.Lease().IsEmpty);
        var signals = _lab.Signals;
        _lab.Fence(closed: false);

        Assert.Equal((QueuePhase.Halted, true), (_lab.Phase, _lab.Signals > signals));
        Assert.False(_lab.Lease().IsEmpty);
    }

    [Fact]
    public void A_queue_that_would_give_up_makes_the_seek_that_it_was_asked_for_before()
    {
        _lab.Options.AutoRecovery = false;
        _lab.Options.MaxRetryTimes = 1;
        _lab.Start();
        _lab.Brokers.Faults["update"] = static () => new BrokerNotAvailableException("away");
        var seek = _lab.Seek(70);
        _lab.World.Wait(0.1);
        Assert.False(_lab.Pump.State.IsHalted || seek.Done.IsCompleted);

        _lab.Brokers.Faults.Clear();
        _lab.World.Wait(5);

        Assert.True(seek.Done.IsCompletedSuccessfully);
        Assert.Equal((70L, QueuePhase.Running), (_lab.Committed, _lab.Phase));
    }

    [Fact]
    public void A_pull_that_is_about_to_begin_when_the_fence_closes_is_not_made()
    {
        _lab.Start();
        var isClosed = false;
        _lab.Routes.Meanwhile = () =>
        {
            if (!isClosed)
            {
                isClosed = true;
                _lab.CloseByTheClock(closed: true);
                _lab.Pump.OnFence(closed: true);
            }
        };
        var pulls = _lab.Brokers.Pulls.Count;
        _lab.Pump.RestartPull();
        _lab.Run();

        Assert.Equal((true, pulls, QueuePhase.Fenced), (isClosed, _lab.Brokers.Pulls.Count, _lab.Phase));
    }

    [Fact]
    public void A_paused_queue_notices_that_its_lock_is_lost_and_stores_no_seek_without_it()
    {
        _lab.Options.LockInterval = TimeSpan.FromSeconds(20);
        _lab.Options.LockExpiry = TimeSpan.FromSeconds(30);
        _lab.Start(locks: true);
        _lab.Pause(paused: true);
        _lab.Brokers.Faults["lock"] = static () => new BrokerNotAvailableException("away");
        _lab.World.Wait(TimeSpan.FromSeconds(35), TimeSpan.FromSeconds(0.1));
        Assert.Equal((QueuePhase.AwaitingLock, 0), (_lab.Phase, _lab.Pump.Runs.Window.Count));

        var seek = _lab.Seek(70);
        _lab.World.Wait(1);
        Assert.Equal((null, false), (_lab.Committed, seek.Done.IsCompleted));

        _lab.Brokers.Faults.Clear();
        _lab.World.Wait(TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(0.1));
        Assert.Equal((70L, true, QueuePhase.Paused), (_lab.Committed, seek.Done.IsCompletedSuccessfully, _lab.Phase));
    }

    /// <summary>The lock's end shows in the clock before its timer has fired.</summary>
    [Fact]
    public void A_seek_whose_turn_comes_after_the_lock_was_lost_is_not_stored()
    {
        _lab.Options.LockInterval = TimeSpan.FromSeconds(20);
        _lab.Options.LockExpiry = TimeSpan.FromSeconds(30);
        _lab.Start(locks: true);
        var commit = new TaskCompletionSource();
        _lab.Brokers.Holds["update"] = commit.Task;
        _lab.Consume(1);
        var committing = _lab.World.Begin(_lab.Pump.CommitAsync);
        var seek = _lab.Seek(70);
        _lab.Brokers.Faults["lock"] = static () => new BrokerNotAvailableException("away");
        _lab.World.Wait(TimeSpan.FromSeconds(35), TimeSpan.FromSeconds(0.1));

        _lab.Brokers.Holds.Clear();
        commit.SetResult();
        _lab.Run();

        Assert.True(committing.IsCompletedSuccessfully);
        Assert.Equal((1L, false, QueuePhase.AwaitingLock), (_lab.Committed, seek.Done.IsCompleted, _lab.Phase));
    }

    /// <summary>The broker demands an offset, once, of a pull that asks for one so far behind.</summary>
    private void ResetOnce(long offset, long behind)
    {
        var isTold = false;
        _lab.Brokers.Answer = request =>
        {
            if (isTold || request.Offset < behind)
            {
                return null;
            }

            isTold = true;
            return new PullResult(PullStatus.OffsetIllegal, offset, 0, 100, 0, default);
        };
    }

    /// <summary>The queue is to go to 50, and a listener still has ten messages of before.</summary>
    private ProcessQueueRange Move(string why)
    {
        _lab.Start();
        var range = _lab.Lease(10);
        switch (why)
        {
            case "a seek":
                _lab.Seek(50);
                break;
            case "a reset":
                ResetOnce(50, behind: 100);
                _lab.Pump.RestartPull();
                _lab.Run();
                break;
            default:
                _lab.Fence(closed: true);
                _lab.Brokers.Offsets[PumpLab.Queue] = 50;
                _lab.Fence(closed: false);
                break;
        }

        Assert.Equal((QueuePhase.Draining, 10), (_lab.Phase, _lab.Pump.Runs.InFlight));
        return range;
    }
}
