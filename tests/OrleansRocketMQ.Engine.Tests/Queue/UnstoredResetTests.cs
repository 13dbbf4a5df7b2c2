using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Tests.Support;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Engine.Tests.Queue;

/// <summary>A reset that the broker has told once, and that its store has not taken, is not forgotten whatever comes between.</summary>
public sealed class UnstoredResetTests
{
    private readonly PumpLab _lab = new();

    public UnstoredResetTests()
    {
        _lab.Brokers.Store(PumpLab.Queue, 40);
        _lab.Brokers.Offsets[PumpLab.Queue] = 20;
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void What_came_along_with_a_reset_that_is_not_stored_holds_though_the_store_has_more_and_the_fence_was_closed(bool locks)
    {
        NothingIsStored();
        _lab.Start(new QueueArrival(new(5, 5, []), HasCheckpoint: false, IdleSince: 0, HasUnstoredReset: true), locks);
        _lab.Fence(closed: true);
        _lab.Fence(closed: false);
        _lab.World.Wait(1);

        Assert.Equal(QueuePhase.Running, _lab.Phase);
        Assert.Equal(5, _lab.Lease(1).Messages[0].QueueOffset);
        Assert.True(_lab.Pump.HasUnstoredReset);
    }

    [Fact]
    public void What_came_along_is_told_to_the_store_once_it_takes_it_and_is_then_as_any_other_offset()
    {
        _lab.Start(new QueueArrival(new(5, 5, []), HasCheckpoint: false, IdleSince: 0, HasUnstoredReset: true));
        _lab.Commit();

        Assert.Equal((5L, false), (_lab.Committed, _lab.Pump.HasUnstoredReset));
    }

    [Fact]
    public void It_goes_along_to_the_next_owner_as_what_it_is()
    {
        NothingIsStored();
        _lab.Start();
        Reset(to: 5);
        Assert.Equal(5, _lab.Pump.Runs.Window.Watermark);
        Assert.True(_lab.Stop().IsCompletedSuccessfully);
        Assert.Equal((5L, true), (_lab.Pump.Progress!.Watermark, _lab.Pump.HasUnstoredReset));

        // One that has not begun, either.
        _lab.Make(new QueueArrival(new(5, 5, []), HasCheckpoint: false, IdleSince: 0, HasUnstoredReset: true));
        Assert.Equal((5L, true), (_lab.Pump.Progress!.Watermark, _lab.Pump.HasUnstoredReset));
        _lab.Make(new QueueArrival(new(5, 5, []), HasCheckpoint: false, IdleSince: 0));
        Assert.False(_lab.Pump.HasUnstoredReset);
    }

    [Fact]
    public void It_holds_though_the_lock_is_lost_before_the_store_takes_it()
    {
        _lab.Options.LockInterval = TimeSpan.FromSeconds(20);
        _lab.Options.LockExpiry = TimeSpan.FromSeconds(30);
        NothingIsStored();
        _lab.Start(locks: true);
        Reset(to: 5);
        Assert.Equal(5, _lab.Pump.Runs.Window.Watermark);
        _lab.Brokers.Faults["lock"] = static () => new BrokerNotAvailableException("away");
        _lab.World.Wait(TimeSpan.FromSeconds(35), TimeSpan.FromSeconds(0.1));
        Assert.Equal(QueuePhase.AwaitingLock, _lab.Phase);
        _lab.Brokers.Faults.Clear();
        _lab.World.Wait(TimeSpan.FromSeconds(25), TimeSpan.FromSeconds(0.1));

        Assert.Equal(5, _lab.Lease(1).Messages[0].QueueOffset);
        Assert.Equal(5, _lab.Committed);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void One_that_is_told_to_the_look_at_a_checkpoint_is_stored_be_it_that_the_queue_stops_just_then(bool stops)
    {
        _lab.World.Do(async () =>
        {
            var record = await _lab.Records.ReadAsync(PumpLab.Queue, CancellationToken.None);
            await record.WriteAsync(new CheckpointRecord(20, new(20, 25, [20]), new SeenMessage(24, "id")), CancellationToken.None);
        });
        Task? stopping = null;
        AnswerOnce(24, to: 5, told: () => stopping = stops ? _lab.Pump.StopAsync(TimeSpan.FromSeconds(5)) : null);
        _lab.Start(checkpoints: true);
        _lab.World.Wait(1);

        Assert.True(stopping is null or { IsCompletedSuccessfully: true });
        Assert.Equal((5L, 0), (_lab.Committed, _lab.Records.Count));
        Assert.True(stops || _lab.Lease(1).Messages[0].QueueOffset == 5);
    }

    private void NothingIsStored() => _lab.Brokers.Faults["update"] = static () => FakeBrokers.Refusal(ResponseCodes.SystemError);

    private void Reset(long to)
    {
        AnswerOnce(40, to, told: static () => { });
        _lab.Pump.RestartPull();
        _lab.World.Wait(0.5);
    }

    private void AnswerOnce(long asked, long to, Action told)
    {
        var isTold = false;
        _lab.Brokers.Answer = request =>
        {
            if (isTold || request.Offset != asked)
            {
                return null;
            }

            isTold = true;
            told();
            return new PullResult(PullStatus.OffsetIllegal, to, 0, 40, 0, default);
        };
    }
}
