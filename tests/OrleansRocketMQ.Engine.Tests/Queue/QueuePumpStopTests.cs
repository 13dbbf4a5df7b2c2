using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Tests.Support;

namespace OrleansRocketMQ.Engine.Tests.Queue;

/// <summary>A queue that ends lets listeners finish, tells its store how far it came, and is nobody's afterwards.</summary>
public sealed class QueuePumpStopTests
{
    private readonly PumpLab _lab = new();

    public QueuePumpStopTests() => _lab.Brokers.Store(PumpLab.Queue, 40);

    [Fact]
    public void A_stop_waits_for_listeners_and_tells_what_they_have_done()
    {
        _lab.Start();
        var range = _lab.Lease(5);
        var stopping = _lab.Stop();
        Assert.Equal((QueuePhase.Stopping, false, false), (_lab.Phase, stopping.IsCompleted, _lab.Pump.IsStopped));
        Assert.True(_lab.Pump.Stopping.IsCancellationRequested);
        Assert.False(_lab.Pump.ListenerToken.IsCancellationRequested);
        Assert.True(_lab.Lease().IsEmpty);
        Assert.Equal(0, _lab.Pump.IdleSince);

        _lab.World.Wait(1);
        _lab.Complete(range);

        Assert.True(stopping.IsCompletedSuccessfully && _lab.Pump.IsStopped);
        Assert.Equal((5L, 0, QueuePhase.Stopped), (_lab.Committed, _lab.Pump.Abandoned, _lab.Phase));
        Assert.Equal(_lab.World.Time.GetUtcNow().Ticks, _lab.Pump.IdleSince);
        Assert.Equal(0, _lab.SiloBytes.Used);
        Assert.True(_lab.IsGateClosed);
        Assert.Empty(_lab.Environment.Offsets.CloneTable("orders"));
        Assert.Equal([131], _lab.Log.Ids);
    }

    [Fact]
    public void When_the_time_to_stop_is_over_listeners_are_told_and_what_they_have_stays_uncommitted()
    {
        _lab.Start();
        _lab.Complete(_lab.Lease(2));
        var range = _lab.Lease(5);
        var stopping = _lab.Stop(seconds: 5);
        _lab.World.Wait(4.9);
        Assert.False(stopping.IsCompleted);
        _lab.World.Wait(0.2);

        Assert.True(stopping.IsCompletedSuccessfully);
        Assert.True(_lab.Pump.ListenerToken.IsCancellationRequested);
        Assert.Equal((5, 2L), (_lab.Pump.Abandoned, _lab.Committed));
        Assert.Equal(1, _lab.Log.Count(134));
        range.Complete();
        Assert.Equal(0, _lab.SiloBytes.Used);
    }

    [Fact]
    public void Whoever_stops_it_twice_waits_for_the_same_end_and_whoever_gives_it_up_ends_it_at_once()
    {
        _lab.Start();
        _lab.Lease(5);
        var (first, second) = (_lab.Pump.StopAsync(TimeSpan.FromMinutes(1)), _lab.Pump.StopAsync(TimeSpan.Zero));
        _lab.World.Wait(1);
        Assert.Same(first, second);
        Assert.False(first.IsCompleted);

        _lab.Pump.Abandon();
        _lab.Run();
        Assert.True(first.IsCompletedSuccessfully);
    }

    [Fact]
    public void What_is_on_its_way_back_to_its_broker_is_waited_for_too()
    {
        _lab.Start();
        var sending = new TaskCompletionSource();
        _lab.Pump.Track(sending.Task);
        var stopping = _lab.Stop();
        _lab.World.Wait(1);
        Assert.False(stopping.IsCompleted);

        sending.SetException(new InvalidOperationException("unexpected"));
        _lab.Run();

        Assert.True(stopping.IsCompletedSuccessfully);
        Assert.Equal(1, _lab.Log.Count(381));
    }

    /// <summary>Finding F12: what it throws would end the process, where a timer runs it.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void What_a_listener_has_registered_with_its_token_may_throw_and_the_queue_ends_all_the_same(bool givenUp)
    {
        _lab.Start();
        var range = _lab.Lease(5);
        var heard = 0;
        _lab.Pump.ListenerToken.Register(() => heard++);
        _lab.Pump.ListenerToken.Register(static () => throw new InvalidOperationException("of a listener"));
        var stopping = _lab.Stop(seconds: 5);
        if (givenUp)
        {
            _lab.Pump.Abandon();
            Assert.Equal(0, heard);
            _lab.Run();
        }
        else
        {
            _lab.World.Wait(5.1);
        }

        Assert.Equal((1, true, 5), (heard, stopping.IsCompletedSuccessfully, _lab.Pump.Abandoned));
        range.Complete();
        Assert.Equal(0, _lab.SiloBytes.Used);
    }

    [Fact]
    public void The_time_to_stop_begins_before_what_is_on_its_way_back_to_its_broker_is_waited_for()
    {
        _lab.Start();
        _lab.Lease(5);
        var sending = new TaskCompletionSource();
        _lab.Pump.Track(sending.Task);
        var token = _lab.Pump.ListenerToken;
        var stopping = _lab.Stop(seconds: 5);
        _lab.World.Wait(4.9);
        Assert.False(token.IsCancellationRequested);

        _lab.World.Wait(0.2);
        Assert.True(token.IsCancellationRequested);
        sending.SetResult();
        _lab.Run();

        Assert.True(stopping.IsCompletedSuccessfully);
    }

    [Fact]
    public void How_far_another_member_was_at_the_start_says_nothing_once_the_lock_was_lost()
    {
        _lab.Options.LockInterval = TimeSpan.FromSeconds(20);
        _lab.Options.LockExpiry = TimeSpan.FromSeconds(30);
        _lab.Brokers.Faults["query"] = static () => new BrokerNotAvailableException("away");
        _lab.Start(new QueueArrival(new(7, 9, [7]), HasCheckpoint: false, IdleSince: 0), locks: true);
        Assert.Equal(7, _lab.Pump.Progress?.Watermark);

        // Whoever has it now may have been moved back.
        _lab.Brokers.Faults["lock"] = static () => new BrokerNotAvailableException("away");
        _lab.World.Wait(TimeSpan.FromSeconds(35), TimeSpan.FromSeconds(0.1));
        Assert.Equal(QueuePhase.AwaitingLock, _lab.Phase);
        Assert.Null(_lab.Pump.Progress);
        _lab.Brokers.Faults.Remove("lock");
        _lab.World.Wait(TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(0.1));
        Assert.Equal(2, _lab.Pump.Ownership.Number);

        Assert.Null(_lab.Pump.Progress);
    }

    /// <summary>A storage of somebody else's may throw anything (finding M13).</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_store_that_does_not_take_the_last_offset_does_not_keep_the_queue(bool isUnexpected)
    {
        _lab.Start();
        _lab.Consume(3);
        _lab.Brokers.Faults["update"] = () => isUnexpected ? new InvalidOperationException("odd") : new BrokerNotAvailableException("away");

        Assert.True(_lab.Stop().IsCompletedSuccessfully);

        Assert.Equal(1, _lab.Log.Count(135));
        Assert.Equal((QueuePhase.Stopped, 0L), (_lab.Phase, _lab.SiloBytes.Used));
    }

    [Fact]
    public void A_queue_that_ends_refuses_seeks_and_gives_up_those_that_are_not_stored()
    {
        _lab.Start();
        _lab.Fence(closed: true);
        var seek = _lab.Seek(5);
        _lab.Stop();
        Assert.True(seek.Done.IsCanceled);
        Assert.True(_lab.Seek(6).Done.IsCanceled);
        _lab.World.Wait(1);
        Assert.Null(_lab.Committed);
    }

    [Fact]
    public void How_far_it_is_is_known_as_soon_as_it_is_and_before_that_what_came_along()
    {
        var before = new AckSnapshot(7, 9, [7]);
        _lab.Make();
        Assert.Null(_lab.Pump.Progress);
        _lab.Make(new QueueArrival(before, HasCheckpoint: false, IdleSince: 0));
        Assert.Same(before, _lab.Pump.Progress);
        _lab.Make(new QueueArrival(before, HasCheckpoint: false, IdleSince: 0), locks: true);
        Assert.Same(before, _lab.Pump.Progress);

        _lab.Start();
        _lab.Complete(_lab.Lease(2));
        Assert.Equal(2, _lab.Pump.Progress!.Watermark);
    }

    [Fact]
    public void What_is_done_beyond_the_commit_is_written_down_with_the_newest_message_and_removed_when_the_queue_leaves()
    {
        _lab.Start(checkpoints: true);
        Assert.False(_lab.World.Get(_lab.Pump.WriteCheckpointAsync));
        _lab.Commit();
        var (first, second) = (_lab.Lease(1), _lab.Lease(1));
        _lab.Complete(second);
        Assert.True(_lab.World.Get(_lab.Pump.WriteCheckpointAsync));

        var record = _lab.Records.ValueOf(PumpLab.Queue)!;
        Assert.Equal((0L, 0L, 2L), (record.Committed, record.Progress.Watermark, record.Progress.SeenTo));
        Assert.Null(record.Newest);
        _lab.Complete(_lab.Lease());
        _lab.World.Do(_lab.Pump.WriteCheckpointAsync);
        Assert.Equal(39, _lab.Records.ValueOf(PumpLab.Queue)!.Newest!.Offset);
        Assert.True(_lab.Pump.HasCheckpoint);
        Assert.False(_lab.Pump.HasCheckpointOfItsOwn);
        _lab.Records.IsLocal = true;
        Assert.True(_lab.Pump.HasCheckpointOfItsOwn);

        _lab.World.Do(() => _lab.Pump.ClearCheckpointAsync(orLeaveIt: false));
        Assert.False(_lab.Pump.HasCheckpoint || _lab.Pump.HasCheckpointOfItsOwn);
        Assert.Equal(0, _lab.Records.Count);
        _lab.Complete(first);
    }

    [Fact]
    public void A_checkpoint_that_is_not_removed_is_an_error_unless_it_may_stay()
    {
        _lab.Start(new QueueArrival(new(0, 0, []), HasCheckpoint: true, IdleSince: 0), checkpoints: true);
        Assert.True(_lab.Pump.HasCheckpoint);
        _lab.Records.FailsToRead = true;

        Assert.True(_lab.World.Begin(() => _lab.Pump.ClearCheckpointAsync(orLeaveIt: false)).IsFaulted);
        Assert.Equal(0, _lab.Log.Count(223));
        _lab.World.Do(() => _lab.Pump.ClearCheckpointAsync(orLeaveIt: true));
        Assert.Equal(1, _lab.Log.Count(223));
    }

    [Fact]
    public void Where_nothing_is_written_down_there_is_nothing_to_write_or_remove()
    {
        _lab.Start();

        Assert.False(_lab.World.Get(_lab.Pump.WriteCheckpointAsync));
        _lab.World.Do(() => _lab.Pump.ClearCheckpointAsync(orLeaveIt: false));
        Assert.False(_lab.Pump.HasCheckpoint);
    }

    [Theory]
    [InlineData(5, 7, 9)]
    [InlineData(7, 7, 9)]
    [InlineData(8, 8, 9)]
    [InlineData(12, 12, 13)]
    public void What_came_along_holds_under_the_first_lock_unless_another_member_has_told_more_meanwhile(
        long stored, long first, long second)
    {
        _lab.Brokers.Offsets[PumpLab.Queue] = stored;
        _lab.Start(new QueueArrival(new(7, 9, [7]), HasCheckpoint: false, IdleSince: 0), locks: true);

        Assert.Equal([first, second], _lab.Lease(2).Messages.Select(message => message.QueueOffset));
    }

    [Fact]
    public void What_came_along_holds_no_more_under_the_second_lock()
    {
        _lab.Options.LockInterval = TimeSpan.FromSeconds(20);
        _lab.Options.LockExpiry = TimeSpan.FromSeconds(30);
        _lab.Start(new QueueArrival(new(7, 9, [7]), HasCheckpoint: false, IdleSince: 0), locks: true);
        _lab.Brokers.Faults["lock"] = static () => new BrokerNotAvailableException("away");
        _lab.World.Wait(TimeSpan.FromSeconds(35), TimeSpan.FromSeconds(0.1));
        _lab.Brokers.Faults.Remove("lock");

        // Another member had it meanwhile, and was moved back.
        _lab.Brokers.Offsets[PumpLab.Queue] = 3;
        _lab.World.Wait(TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(0.1));

        Assert.Equal([3L, 4L], _lab.Lease(2).Messages.Select(message => message.QueueOffset));
    }

    [Fact]
    public void Nor_does_it_when_the_queue_could_not_begin_under_the_first()
    {
        _lab.Options.LockInterval = TimeSpan.FromSeconds(20);
        _lab.Options.LockExpiry = TimeSpan.FromSeconds(30);
        _lab.Brokers.Faults["query"] = static () => new BrokerNotAvailableException("away");
        _lab.Start(new QueueArrival(new(7, 9, [7]), HasCheckpoint: false, IdleSince: 0), locks: true);
        _lab.Brokers.Faults["lock"] = static () => new BrokerNotAvailableException("away");
        _lab.World.Wait(TimeSpan.FromSeconds(35), TimeSpan.FromSeconds(0.1));
        _lab.Brokers.Offsets[PumpLab.Queue] = 3;
        _lab.Brokers.Faults.Clear();

        _lab.World.Wait(TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(0.1));

        Assert.Equal([3L, 4L], _lab.Lease(2).Messages.Select(message => message.QueueOffset));
    }

    /// <summary>Nobody has told that the fence closed; the clock shows it.</summary>
    [Fact]
    public void Nothing_is_told_and_no_seek_is_stored_while_the_clock_says_that_the_fence_is_closed()
    {
        _lab.Start();
        _lab.Consume(3);
        _lab.CloseByTheClock(closed: true);

        _lab.Commit();
        var seek = _lab.Seek(20);
        Assert.False(seek.Done.IsCompleted);
        Assert.Null(_lab.Committed);

        _lab.Fence(closed: false);
        _lab.World.Wait(1);
        Assert.Equal(20, _lab.Committed);
        Assert.True(seek.Done.IsCompletedSuccessfully);
    }

    [Fact]
    public void A_crashed_owners_checkpoint_spares_what_was_done_and_the_message_it_saw_last_must_be_there()
    {
        Write(new CheckpointRecord(0, new(0, 5, [0, 3]), null));
        _lab.Start(checkpoints: true);
        Assert.Equal([0L, 3L, 5L], _lab.Lease().Messages.Take(3).Select(message => message.QueueOffset));
    }

    [Theory]
    [InlineData(41, null, true)]
    [InlineData(5, "another id", true)]
    [InlineData(5, null, false)]
    public void A_broker_that_has_lost_what_was_seen_has_others_in_its_place_which_nobody_has_consumed(long seenTo, string? id, bool all)
    {
        Write(new CheckpointRecord(0, new(0, seenTo, [0]), id is null ? null : new SeenMessage(4, id)));
        _lab.Start(checkpoints: true);

        Assert.Equal(all ? 1 : 5, _lab.Lease().Messages[1].QueueOffset);
    }

    [Fact]
    public void A_tracked_task_is_waited_for_until_it_ends()
    {
        var (tracker, first) = (new TaskTracker(), new TaskCompletionSource());
        Assert.True(tracker.WaitAsync().IsCompletedSuccessfully);
        tracker.Add(first.Task);
        tracker.Add(Task.CompletedTask);
        var waiting = tracker.WaitAsync();
        Assert.False(waiting.IsCompleted);
        first.SetException(new InvalidOperationException("unexpected"));

        Assert.True(waiting.IsFaulted);
        Assert.True(tracker.WaitAsync().IsCompletedSuccessfully);
    }

    private void Write(CheckpointRecord value) => _lab.World.Do(async () =>
    {
        _lab.Brokers.Offsets[PumpLab.Queue] = value.Committed;
        var record = await _lab.Records.ReadAsync(PumpLab.Queue, CancellationToken.None);
        await record.WriteAsync(value, CancellationToken.None);
    });
}
