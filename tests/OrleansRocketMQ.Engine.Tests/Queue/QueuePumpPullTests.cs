using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Group;
using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Subscriptions;
using OrleansRocketMQ.Engine.Tests.Support;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Engine.Tests.Queue;

/// <summary>How a queue is pulled, and what becomes of the answers.</summary>
public sealed class QueuePumpPullTests
{
    private readonly PumpLab _lab = new();

    [Fact]
    public void A_queue_begins_at_the_stored_offset_and_asks_for_what_its_group_wants()
    {
        _lab.Brokers.Store(PumpLab.Queue, 50);
        _lab.Brokers.Offsets[PumpLab.Queue] = 40;
        _lab.Options.PullBatchSize = 8;
        _lab.Start();

        var first = _lab.Brokers.Pulls[0];
        Assert.Equal((40L, 8, 256 * 1024, 40L), (first.Offset, first.MaxMessages, first.MaxBytes, first.CommitOffset));
        Assert.Equal((TimeSpan.FromSeconds(15), TimeSpan.FromSeconds(30)), (first.SuspendTimeout, _lab.Brokers.PullTimeouts[0]));
        Assert.Equal(("g", PumpLab.Queue, false), (first.ConsumerGroup, first.Queue, first.ToSlave));
        Assert.Null(first.Expression);
        Assert.Equal((SubscriptionData.TagType, _lab.Subscription!.Data.SubVersion), (first.ExpressionType, first.SubVersion));
        Assert.Equal([40L, 48L, 50L], _lab.Brokers.Pulls.Select(pull => pull.Offset));
        Assert.Equal([131], _lab.Log.Ids);
        Assert.Contains("at offset 40", _lab.Log.Texts[0], StringComparison.Ordinal);
    }

    [Fact]
    public void What_comes_waits_for_listeners_the_dispatcher_hears_of_it_and_the_status_tells_it()
    {
        Assert.Equal((-1L, -1L, -1L, -1L), Figures(_lab.Make().Snapshot()));
        _lab.Brokers.Store(PumpLab.Queue, 40);
        _lab.Start();

        Assert.Equal((40, 3), (_lab.Pump.Runs.Waiting, _lab.Signals));
        var status = _lab.Snapshot();
        Assert.Equal((-1L, 0L, 40L, 40L), Figures(status));
        Assert.Equal(
            (PumpLab.Queue, "me", 40, 160L, 0L, 39L),
            (status.Queue, status.Owner, status.CachedMessages, status.CachedBytes, status.CachedMinOffset, status.CachedMaxOffset));
        Assert.Equal(_lab.World.Time.GetUtcNow(), status.LastPulledAt);
        Assert.Null(status.LastConsumedAt);
        Assert.Null(status.IsLocked);
        Assert.Equal((string.Empty, false, false, 0), (status.LastError, status.IsPaused, status.HasFailed, status.InFlight));
        Assert.Equal((2, 40), (_lab.Metrics["pulled"], (int)_lab.Pump.Statistics.Recent.Read().LastMinute.PulledMessages));
        Assert.Equal(40, _lab.Pump.Lag);

        var range = _lab.Lease(10);
        Assert.Equal(10, _lab.Pump.InFlight);
        _lab.Complete(range);
        Assert.Equal(_lab.World.Time.GetUtcNow(), _lab.Snapshot().LastConsumedAt);
        Assert.Equal(30, _lab.Pump.Lag);
    }

    [Fact]
    public void A_pull_carries_how_far_the_queue_is_and_a_commit_tells_what_none_has_carried()
    {
        _lab.Brokers.Store(PumpLab.Queue, 3);
        _lab.Start();
        _lab.Consume();
        Assert.True(_lab.Pump.HoldsUncommitted);
        _lab.Brokers.Store(PumpLab.Queue, 1);
        _lab.World.Wait(0.2);

        Assert.Equal(3, _lab.Brokers.Pulls[^1].CommitOffset);
        _lab.Consume();
        _lab.Commit();
        Assert.Equal((4L, 4L), (_lab.Committed, _lab.Snapshot().CommittedOffset));
        Assert.False(_lab.Pump.HoldsUncommitted);
        Assert.Equal([4L], _lab.Brokers.Told);
    }

    [Fact]
    public void A_full_queue_is_not_pulled_until_something_is_done()
    {
        _lab.Options.PullThresholdForQueue = 32;
        _lab.Brokers.Store(PumpLab.Queue, 100);
        _lab.Start();
        Assert.Single(_lab.Brokers.Pulls);
        _lab.World.Wait(5);
        Assert.Single(_lab.Brokers.Pulls);

        _lab.Consume(1);
        Assert.Equal(2, _lab.Brokers.Pulls.Count);
    }

    [Fact]
    public void Between_two_pulls_there_is_a_pause_if_one_is_wanted()
    {
        _lab.Options.PullInterval = TimeSpan.FromSeconds(1);
        _lab.Brokers.Store(PumpLab.Queue, 100);
        _lab.Start();
        _lab.World.Wait(0.9);
        Assert.Single(_lab.Brokers.Pulls);
        _lab.World.Wait(0.2);
        Assert.Equal(2, _lab.Brokers.Pulls.Count);
    }

    [Fact]
    public void A_pull_that_fails_is_tried_again_after_growing_waits_and_the_status_says_why()
    {
        _lab.Brokers.Store(PumpLab.Queue, 3);
        _lab.Brokers.Faults["pull"] = static () => new BrokerNotAvailableException("away");
        _lab.Start();
        Assert.Equal(QueuePhase.BackingOff, _lab.Phase);
        Assert.Contains("away", _lab.Snapshot().LastError, StringComparison.Ordinal);
        Assert.Contains(PumpLab.Queue.Topic, _lab.Routes.Doubted);
        Assert.Null(_lab.Pump.Lag);
        Assert.Equal((1, 0), (_lab.Metrics["pull failed"], _lab.Metrics["pulled"]));

        _lab.World.Wait(0.9);
        Assert.Single(_lab.Brokers.Pulls);
        _lab.World.Wait(0.2);
        Assert.Equal(2, _lab.Brokers.Pulls.Count);
        _lab.World.Wait(1.8);
        Assert.Equal(2, _lab.Brokers.Pulls.Count);
        _lab.Brokers.Faults.Clear();
        _lab.World.Wait(0.2);

        Assert.Equal((3, string.Empty), (_lab.Pump.Runs.Waiting, _lab.Snapshot().LastError));
        Assert.Equal(QueuePhase.Running, _lab.Phase);
        Assert.NotEmpty(_lab.Found);
    }

    [Fact]
    public void A_broker_that_cannot_be_told_of_the_group_is_not_asked_sooner_for_that()
    {
        _lab.Brokers.Faults["pull"] = static () => FakeBrokers.Refusal(ResponseCodes.SubscriptionNotExist);
        _lab.Brokers.Faults["heartbeat"] = static () => new BrokerNotAvailableException("away");
        _lab.Start();
        Assert.Equal((1, 1), (_lab.Brokers.CountOf("pull"), _lab.Brokers.CountOf("heartbeat")));

        _lab.World.Wait(0.9);
        Assert.Equal(1, _lab.Brokers.CountOf("pull"));
        _lab.World.Wait(0.2);

        Assert.Equal((2, 2), (_lab.Brokers.CountOf("pull"), _lab.Brokers.CountOf("heartbeat")));
    }

    [Fact]
    public void A_store_that_cannot_be_asked_where_the_queue_begins_is_asked_again_and_nothing_is_guessed()
    {
        _lab.Brokers.Store(PumpLab.Queue, 3);
        _lab.Brokers.Faults["query"] = static () => new BrokerNotAvailableException("away");
        _lab.Start();
        Assert.Empty(_lab.Brokers.Pulls);
        Assert.False(_lab.Pump.HasBegun);
        Assert.Null(_lab.Pump.Lag);
        _lab.Brokers.Faults.Clear();

        _lab.World.Wait(1.1);

        Assert.True(_lab.Pump.HasBegun);
        Assert.Equal(3, _lab.Pump.Runs.Waiting);
    }

    [Fact]
    public void A_broker_nobody_knows_is_a_failure_as_any_other()
    {
        _lab.Routes.Instead["broker-a"] = null;
        _lab.Start();
        Assert.Contains("'broker-a'", _lab.Snapshot().LastError, StringComparison.Ordinal);
        _lab.Routes.Instead.Clear();
        _lab.World.Wait(1.1);

        Assert.Equal(QueuePhase.Running, _lab.Phase);
    }

    [Fact]
    public void The_member_an_answer_suggests_is_asked_next_and_after_a_failure_the_master()
    {
        _lab.Brokers.Store(PumpLab.Queue, 40);
        _lab.Brokers.Suggested = 1;
        _lab.Start();
        _lab.Consume();
        _lab.Brokers.Store(PumpLab.Queue, 1);
        _lab.World.Wait(0.2);
        Assert.Equal([false, true, true, true], _lab.Brokers.Pulls.Select(pull => pull.ToSlave));
        Assert.All(_lab.Brokers.Pulls.Skip(1), pull => Assert.Equal(0, pull.CommitOffset));
        Assert.Equal(1, _lab.Routes.Asked[^1].Id);

        _lab.Brokers.Faults["pull"] = static () => new BrokerNotAvailableException("away");
        _lab.Brokers.Store(PumpLab.Queue, 1);
        _lab.World.Wait(0.2);
        _lab.Brokers.Faults.Clear();
        _lab.World.Wait(1.1);
        Assert.False(_lab.Brokers.Pulls.Last(pull => pull.Offset == 42).ToSlave);
    }

    [Fact]
    public void What_the_filter_left_out_moves_the_queue_on_and_answers_that_bring_nothing_are_asked_for_with_pauses()
    {
        var next = 10L;
        _lab.Brokers.Answer = request => request.Offset < 10 ? new PullResult(PullStatus.NoMatchedMessage, next, 0, 100, 0, default) : null;
        _lab.Brokers.Store(PumpLab.Queue, 11);
        _lab.Start();
        Assert.Equal([0L, 10L, 11L], _lab.Brokers.Pulls.Select(pull => pull.Offset));
        Assert.Equal(10, _lab.Pump.Runs.Window.Watermark);
    }

    [Fact]
    public void A_member_that_answers_at_once_and_brings_nothing_is_asked_less_and_less_often()
    {
        _lab.Brokers.Answer = static request => new PullResult(PullStatus.NoMatchedMessage, request.Offset, 0, 100, 0, default);
        _lab.Start();
        Assert.Single(_lab.Brokers.Pulls);
        _lab.World.Wait(0.02);
        Assert.Equal(2, _lab.Brokers.Pulls.Count);
        _lab.World.Wait(0.04);
        Assert.Equal(3, _lab.Brokers.Pulls.Count);
        _lab.World.Wait(0.08);
        Assert.Equal(4, _lab.Brokers.Pulls.Count);
        _lab.World.Wait(10);
        Assert.InRange(_lab.Brokers.Pulls.Count, 13, 16);
    }

    [Fact]
    public void Only_the_tags_that_are_wanted_come_and_a_group_that_broadcasts_tells_them_in_heartbeats_only()
    {
        _lab.Subscription = new Subscription("orders", MessageSelector.ByTag("a"), version: 7);
        _lab.Brokers.Store(PumpLab.Queue, 1, "TAGS\u0001a\u0002");
        _lab.Brokers.Store(PumpLab.Queue, 1, "TAGS\u0001b\u0002");
        _lab.Start();
        Assert.Equal(1, _lab.Pump.Runs.Waiting);
        Assert.Equal((7L, "a"), (_lab.Brokers.Pulls[0].SubVersion, _lab.Brokers.Pulls[0].Expression));
        _lab.Consume();
        Assert.Equal(2, _lab.Pump.Runs.Window.Watermark);

        var other = new PumpLab { Subscription = _lab.Subscription };
        other.Options.MessageModel = MessageModel.Broadcasting;
        Assert.Null(other.Start().Brokers.Pulls[0].Expression);
    }

    [Fact]
    public void A_subscription_that_changes_is_pulled_by_at_once_and_one_that_is_given_up_keeps_its_last()
    {
        _lab.Start();
        Assert.Single(_lab.Brokers.Pulls);
        _lab.Subscription = new Subscription("orders", MessageSelector.ByTag("a"), version: 8);
        _lab.Pump.RestartPull();
        _lab.Run();
        Assert.Equal((2, 8L), (_lab.Brokers.Pulls.Count, _lab.Brokers.Pulls[^1].SubVersion));

        _lab.Subscription = null;
        _lab.Pump.RestartPull();
        _lab.Run();
        Assert.Equal((3, 8L), (_lab.Brokers.Pulls.Count, _lab.Brokers.Pulls[^1].SubVersion));
        Assert.Throws<NotSubscribedException>(() => _lab.Make());
    }

    [Fact]
    public void A_pull_that_waits_at_a_broker_that_is_not_the_queues_any_more_is_given_up_and_the_new_one_is_asked()
    {
        _lab.Start();
        _lab.Pump.OnRoutes();
        _lab.Run();
        Assert.Single(_lab.Brokers.Pulls);

        _lab.Routes.Instead["broker-a"] = new("broker-a", 0, "new:10911");
        _lab.Pump.OnRoutes();
        _lab.Run();

        Assert.Equal(["broker-a:10911", "new:10911"], _lab.Brokers.Calls.Where(call => call.Call == "pull").Select(call => call.Address));
    }

    [Fact]
    public void No_offset_travels_with_a_pull_of_a_logical_queue()
    {
        var logical = new MessageQueue("orders", "__syslo__global__", 0);
        _lab.Brokers.Store(logical, 3);
        _lab.Make();
        var pump = new QueuePump(logical, _lab.Environment, arrival: null, _lab.Log);
        pump.Start();
        _lab.Run();
        pump.Runs.Lease(int.MaxValue).Complete();
        pump.RestartPull();
        _lab.Run();

        Assert.Equal((3, 3L), (_lab.Brokers.Pulls.Count, pump.Runs.Window.Watermark));
        Assert.All(_lab.Brokers.Pulls, pull => Assert.Equal(0, pull.CommitOffset));
    }

    [Fact]
    public void Messages_of_the_retry_topic_carry_the_topic_they_failed_in()
    {
        var retry = new MessageQueue("%RETRY%g", "broker-a", 0);
        _lab.Make();
        var records = new PulledRecords(retry, _lab.Environment, _lab.Log);
        var messages = new List<MessageExt>();
        byte[] stored = [.. FakeBrokers.Record(retry, 0, "RETRY_TOPIC\u0001orders\u0002"), .. FakeBrokers.Record(retry, 1)];
        var next = records.Decode(new PullResult(PullStatus.Found, 2, 0, 2, 0, stored), _lab.Subscription!, messages);

        Assert.Equal(2, next);
        Assert.Equal(["orders", "%RETRY%g"], messages.Select(message => message.Topic));

        messages.Clear();
        var plain = new PulledRecords(PumpLab.Queue, _lab.Environment, _lab.Log);
        plain.Decode(new PullResult(PullStatus.Found, 2, 0, 2, 0, stored), _lab.Subscription!, messages);
        Assert.Equal("%RETRY%g", messages[0].Topic);
    }

    [Fact]
    public void What_stands_before_a_broken_record_is_consumed_and_the_broken_one_is_asked_for_again_and_parked_in_the_end()
    {
        _lab.Options.MaxRetryTimes = 3;
        _lab.Options.ParkAfter = TimeSpan.FromSeconds(10);
        var broken = FakeBrokers.Record(PumpLab.Queue, 1);
        broken[4] ^= 0xff;
        byte[] bytes = [.. FakeBrokers.Record(PumpLab.Queue, 0), .. broken];
        _lab.Brokers.Answer = request => request.Offset switch
        {
            0 => new PullResult(PullStatus.Found, 2, 0, 3, 0, bytes),
            1 => new PullResult(PullStatus.Found, 2, 0, 3, 0, broken),
            _ => null,
        };
        _lab.Brokers.Store(PumpLab.Queue, 3);
        _lab.Start();
        Assert.Equal(1, _lab.Pump.Runs.Waiting);
        Assert.Equal(1, _lab.Log.Count(137));
        Assert.Equal(QueuePhase.BackingOff, _lab.Phase);

        _lab.World.Wait(9.5);
        Assert.Empty(_lab.Parked.Parked);
        _lab.World.Wait(4);

        var parked = Assert.Single(_lab.Parked.Parked);
        Assert.Equal((PumpLab.Queue, 1L, "orders"), (parked.Queue, parked.Offset, parked.Topic));
        Assert.Contains("cannot be decoded", parked.Reason, StringComparison.Ordinal);
        Assert.Contains("offset 1", parked.MessageId, StringComparison.Ordinal);
        Assert.Equal(1, _lab.Log.Count(148));
        Assert.Equal(QueuePhase.Running, _lab.Phase);
        _lab.Consume();
        Assert.Equal(3, _lab.Pump.Runs.Window.Watermark);
    }

    [Fact]
    public void A_broken_record_is_not_parked_before_it_came_broken_often_enough_nor_where_nothing_is_parked()
    {
        _lab.Options.MaxRetryTimes = 3;
        _lab.Options.ParkAfter = TimeSpan.Zero;
        var reason = new MessageFormatException("magic", "1", "2");
        var broken = new BrokenRecord(PumpLab.Queue, _lab.Make().Environment, _lab.Log);
        long? Pass(BrokenRecord record, long offset) => _lab.World.Get(() => record.PassAsync(offset, reason, CancellationToken.None));

        Assert.Equal([null, null, 5L], [Pass(broken, 4), Pass(broken, 4), Pass(broken, 4)]);
        Assert.Equal([null, null], [Pass(broken, 9), Pass(broken, 9)]);
        Assert.Equal([null, null, 11L], [Pass(broken, 10), Pass(broken, 10), Pass(broken, 10)]);

        var nowhere = new BrokenRecord(PumpLab.Queue, _lab.Make(parks: false).Environment, _lab.Log);
        Assert.All(Enumerable.Range(0, 5), _ => Assert.Null(Pass(nowhere, 4)));
    }

    [Fact]
    public void Where_the_queue_ends_is_asked_once_when_its_first_pull_is_not_answered_at_once()
    {
        _lab.Brokers.Store(PumpLab.Queue, 9);
        _lab.Brokers.Offsets[PumpLab.Queue] = 9;
        _lab.Start();
        Assert.Null(_lab.Pump.Lag);
        _lab.World.Wait(0.3);
        Assert.Equal((0L, 1), (_lab.Pump.Lag, _lab.Brokers.CountOf("max")));
        _lab.World.Wait(40);
        Assert.Equal(1, _lab.Brokers.CountOf("max"));
    }

    [Fact]
    public void A_broker_that_does_not_answer_a_pull_in_its_time_is_told_of_in_the_status_and_its_lag_is_not_known()
    {
        _lab.Brokers.Store(PumpLab.Queue, 3);
        _lab.Start();
        Assert.Equal(3, _lab.Pump.Lag);
        _lab.Brokers.Holds["pull"] = new TaskCompletionSource().Task;
        _lab.World.Wait(15.2);
        Assert.False(_lab.Pump.IsUnheard);
        Assert.Equal(string.Empty, _lab.Pump.Level.LastError);

        _lab.World.Wait(20);
        Assert.True(_lab.Pump.IsUnheard);
        Assert.Null(_lab.Pump.Lag);
        Assert.Contains("has not answered a pull for 20 s", _lab.Pump.Level.LastError, StringComparison.Ordinal);
        Assert.Equal((PumpLab.Queue, true, false), (_lab.Pump.Level.Queue, _lab.Pump.Level.HasBegun, _lab.Pump.Level.HasFailed));
        Assert.NotNull(_lab.Pump.Level.LastPulledAt);
    }

    [Fact]
    public void A_queue_that_a_rule_has_stopped_is_told_to_its_dispatcher_when_it_is_resumed()
    {
        _lab.Start();
        _lab.Pump.Runs.Gate.Stop(new(_lab.Pump.Queue, "id", 0, "bad"));
        var signals = _lab.Signals;

        _lab.Pump.Recover();
        _lab.Run();

        Assert.Null(_lab.Pump.Runs.Gate.Stopped);
        Assert.True(_lab.Signals > signals);
    }

    [Fact]
    public void A_queue_that_came_from_another_member_tells_how_long_it_stood_still()
    {
        var idle = _lab.World.Time.GetUtcNow().AddSeconds(-3).Ticks;
        _lab.Brokers.Store(PumpLab.Queue, 40);
        _lab.Start(new QueueArrival(new(2, 4, [2]), HasCheckpoint: false, idle));

        Assert.Equal([TimeSpan.FromSeconds(3)], _lab.Metrics.TakenOverAfter);
        Assert.Equal(2, _lab.Brokers.Pulls[0].Offset);
        Assert.Equal(0, _lab.Brokers.CountOf("query"));
        Assert.DoesNotContain(3L, _lab.Lease().Messages.Select(message => message.QueueOffset));
    }

    private static (long Committed, long Watermark, long Next, long Max) Figures(QueueSnapshot status)
        => (status.CommittedOffset, status.Watermark, status.NextPullOffset, status.MaxOffset);
}
