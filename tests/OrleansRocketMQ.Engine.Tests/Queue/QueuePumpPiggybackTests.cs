using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Engine.Tests.Support;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Engine.Tests.Queue;

/// <summary>What pulls carry, and what becomes of it when they are given up.</summary>
public sealed class QueuePumpPiggybackTests
{
    private readonly PumpLab _lab = new();
    private readonly TaskCompletionSource _arrives = new();

    private long LastCarried => _lab.Brokers.Pulls[^1].CommitOffset;

    [Fact]
    public void Under_load_every_pull_carries_what_was_consumed_since_the_one_before_and_the_store_is_asked_nothing()
    {
        _lab.Start();
        for (var round = 1; round <= 20; round++)
        {
            _lab.Brokers.Store(PumpLab.Queue, 1);
            _lab.World.Wait(0.2);
            _lab.Consume();
        }

        _lab.Brokers.Store(PumpLab.Queue, 1);
        _lab.World.Wait(0.2);

        Assert.Equal(Enumerable.Range(1, 20).Select(offset => (long)offset), _lab.Brokers.Pulls.Select(pull => pull.CommitOffset).Where(offset => offset > 0));
        Assert.Equal((1, 0), (_lab.Brokers.CountOf("query"), _lab.Brokers.CountOf("update")));
    }

    [Fact]
    public void A_stop_tells_its_last_offset_when_the_pull_it_gave_up_has_arrived()
    {
        PullCarriesThreeAndIsStuck();
        var stopping = _lab.Stop();
        _lab.World.Wait(0.5);
        Assert.False(stopping.IsCompleted);
        Assert.Empty(_lab.Brokers.Told);

        _lab.Brokers.Offsets[PumpLab.Queue] = 3;
        _lab.World.Wait(0.5);

        Assert.True(stopping.IsCompletedSuccessfully);
        Assert.Equal(4, _lab.Committed);
    }

    [Fact]
    public void A_stop_does_not_wait_when_the_pull_that_waits_at_its_broker_has_brought_what_it_carries()
    {
        _lab.Brokers.Store(PumpLab.Queue, 4);
        _lab.Start();
        var range = _lab.Lease(1);
        _lab.Brokers.Offsets[PumpLab.Queue] = 0;
        _lab.Complete(range);
        _lab.Pump.RestartPull();
        _lab.Run();
        Assert.Equal(1, LastCarried);
        _lab.Consume();

        Assert.True(_lab.Stop().IsCompletedSuccessfully);
        Assert.Equal((4L, 2), (_lab.Committed, _lab.Brokers.CountOf("query")));
    }

    [Fact]
    public void A_pull_after_one_that_was_given_up_carries_nothing_until_a_commit_has_seen_that_one_arrive()
    {
        PullCarriesThreeAndIsStuck();
        _lab.Brokers.Holds.Remove("pull");
        _lab.Pump.RestartPull();
        _lab.Run();
        Assert.Equal(0, LastCarried);

        // Who comes late meets nothing newer that he could undo.
        _lab.Brokers.Offsets[PumpLab.Queue] = 3;
        _lab.Commit();
        Assert.Equal(4, _lab.Committed);

        _lab.Brokers.Store(PumpLab.Queue, 1);
        _lab.World.Wait(0.2);
        _lab.Consume();
        _lab.Brokers.Store(PumpLab.Queue, 1);
        _lab.World.Wait(0.2);
        Assert.Equal(5, LastCarried);
    }

    [Fact]
    public void A_pull_that_was_refused_carries_nothing_any_more_and_the_next_one_does()
    {
        _lab.Brokers.Store(PumpLab.Queue, 3);
        _lab.Start();
        _lab.Consume();
        _lab.Brokers.Faults["pull"] = static () => FakeBrokers.Refusal(ResponseCodes.SystemError);
        _lab.Pump.RestartPull();
        _lab.Run();
        Assert.Equal(3, LastCarried);
        _lab.Brokers.Faults.Remove("pull");
        _lab.World.Wait(5);

        Assert.Equal(3, LastCarried);
        Assert.Equal(3, _lab.Committed);
    }

    private void PullCarriesThreeAndIsStuck()
    {
        _lab.Brokers.Store(PumpLab.Queue, 4);
        _lab.Start();
        _lab.Consume(3);
        _lab.Brokers.Holds["pull"] = _arrives.Task;
        _lab.Pump.RestartPull();
        _lab.Run();
        Assert.Equal(3, LastCarried);
        _lab.Consume();
    }
}
