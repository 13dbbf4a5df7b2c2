using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Pop;
using OrleansRocketMQ.Engine.Tests.Support;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Engine.Tests.Pop;

/// <summary>A queue that is popped: what comes, what the broker hears of it, and what stops it.</summary>
public sealed class PopPumpTests
{
    private readonly PopLab _lab = new();

    [Fact]
    public void Each_message_goes_to_the_listener_once_and_is_acknowledged()
    {
        _lab.Pops.Store(100);

        _lab.Start().Wait(5);

        Assert.Equal(Enumerable.Range(0, 100), _lab.Consumed.Order());
        Assert.Equal(Enumerable.Range(0, 100), _lab.Pops.Acknowledged.Order());
        Assert.Equal(0, _lab.Pump.Book.Count);
        Assert.Equal(0, _lab.SiloBytes.Used);
        Assert.Empty(_lab.Pops.Stale);
        Assert.Equal(0, _lab.World.Steps.Foreign);
    }

    [Fact]
    public void What_is_done_while_a_request_is_under_way_is_acknowledged_together()
    {
        _lab.Pops.Store(320);

        _lab.Start().Wait(5);

        Assert.Equal(320, _lab.Pops.Acknowledged.Count);
        Assert.InRange(_lab.Brokers.CountOf("ack"), 5, 64);
    }

    [Fact]
    public void A_group_that_is_new_to_the_queue_begins_where_its_settings_say()
    {
        _lab.Options.ConsumeFromWhere = ConsumeFromWhere.Timestamp;
        _lab.Brokers.Search = static _ => 7;

        _lab.Start().Wait(1);

        Assert.Equal([7L], _lab.Brokers.Told);
    }

    [Fact]
    public void A_group_the_broker_knows_goes_on_where_it_is()
    {
        _lab.Brokers.Offsets[PopLab.Queue] = 3;

        _lab.Start().Wait(1);

        Assert.Empty(_lab.Brokers.Told);
        Assert.True(_lab.Pump.HasBegun);
    }

    [Fact]
    public void A_message_that_fails_comes_again_after_the_delay_of_its_attempt_and_is_not_acknowledged_before()
    {
        _lab.Fails = message => message.ReconsumeTimes < 2 ? new FailedMessage(0, 0, "no") : null;
        _lab.Pops.Store(1);

        _lab.Start().Wait(5);
        Assert.Equal([(0, TimeSpan.FromSeconds(10))], _lab.Pops.Changed);
        Assert.Empty(_lab.Pops.Acknowledged);
        _lab.Wait(45);

        Assert.Equal([(0, TimeSpan.FromSeconds(10)), (0, TimeSpan.FromSeconds(30))], _lab.Pops.Changed);
        Assert.Equal([0, 0, 0], _lab.Consumed);
        Assert.Equal([0], _lab.Pops.Acknowledged);
        Assert.Equal(2, _lab.Metrics["retried"]);
        Assert.Empty(_lab.Brokers.SentBack);
    }

    [Fact]
    public void A_listener_says_itself_when_a_message_comes_again()
    {
        _lab.Fails = message => message.ReconsumeTimes == 0 ? new FailedMessage(0, 3, "no") { RetryAfter = TimeSpan.FromSeconds(2) } : null;
        _lab.Pops.Store(1);

        _lab.Start().Wait(4);

        Assert.Equal([(0, TimeSpan.FromSeconds(2))], _lab.Pops.Changed);
        Assert.Equal([0], _lab.Pops.Acknowledged);
    }

    [Fact]
    public void A_message_past_its_attempts_becomes_a_dead_letter_with_its_reason_and_is_acknowledged_then()
    {
        _lab.Options.MaxReconsumeTimes = 3;
        _lab.Fails = static _ => new FailedMessage(0, 0, "it cannot be");
        _lab.Pops.Store(1, reconsumeTimes: 3);

        _lab.Start().Wait(5);

        var copy = Assert.Single(_lab.Brokers.Copies);
        Assert.Contains($"{MessageProperties.DeadLetterReason}\u0001it cannot be\u0002", copy.Properties, StringComparison.Ordinal);
        Assert.Equal([0], _lab.Pops.Acknowledged);
        Assert.Equal(1, _lab.Metrics["dead"]);
        Assert.Empty(_lab.Pops.Changed);
    }

    [Fact]
    public void A_dead_letter_that_nobody_takes_stays_and_is_not_acknowledged()
    {
        _lab.Options.MaxReconsumeTimes = 0;
        _lab.Fails = static _ => new FailedMessage(0, 0, "no");
        _lab.Brokers.Faults["copy"] = static () => FakeBrokers.Refusal(ResponseCodes.SystemBusy);
        _lab.Brokers.Faults["sendback"] = static () => FakeBrokers.Refusal(ResponseCodes.SystemBusy);
        _lab.Pops.Store(1);

        _lab.Start().Wait(20);
        Assert.Empty(_lab.Pops.Acknowledged);
        _lab.Brokers.Faults.Clear();
        _lab.Wait(20);

        Assert.Single(_lab.Brokers.Copies);
        Assert.Equal([0], _lab.Pops.Acknowledged);
    }

    [Fact]
    public void The_invisible_time_is_prolonged_while_a_listener_works_and_the_newest_handle_counts()
    {
        _lab.ListenerTakes = TimeSpan.FromMinutes(5);
        _lab.Pops.Store(1);

        _lab.Start().Wait(310);

        Assert.Equal([0], _lab.Consumed);
        Assert.Equal([0], _lab.Pops.Acknowledged);
        Assert.InRange(_lab.Pops.Changed.Count, 5, 10);
        Assert.All(_lab.Pops.Changed, change => Assert.Equal(_lab.Options.PopInvisibleTime, change.Time));
        Assert.Empty(_lab.Pops.Stale);
        Assert.Equal(0, _lab.Pump.Book.Late);
    }

    [Fact]
    public void What_waits_for_slow_listeners_is_prolonged_too_and_comes_once()
    {
        _lab.ListenerTakes = TimeSpan.FromSeconds(30);
        _lab.Pops.Store(40);

        _lab.Start().Wait(400);

        Assert.Equal(Enumerable.Range(0, 40), _lab.Consumed.Order());
        Assert.Equal(Enumerable.Range(0, 40), _lab.Pops.Acknowledged.Order());
        Assert.Empty(_lab.Pops.Stale);
    }

    [Fact]
    public void A_result_that_comes_when_others_may_have_the_message_is_told_apart()
    {
        _lab.ListenerTakes = TimeSpan.FromSeconds(90);
        _lab.Brokers.Faults["change"] = static () => FakeBrokers.Refusal(ResponseCodes.SystemBusy);
        _lab.Pops.Store(1);

        _lab.Start().Wait(95);

        Assert.Equal(1, _lab.Pump.Book.Late);
        Assert.Equal(1, _lab.Pump.Book.Lost);
        Assert.Contains(375, _lab.Log.Ids);
        Assert.Contains(383, _lab.Log.Ids);
        Assert.Equal(1, _lab.Metrics["late"]);
        Assert.Empty(_lab.Pops.Acknowledged);
        Assert.Equal([0, 0], _lab.Consumed);
    }

    [Fact]
    public void A_broker_that_cannot_be_told_is_told_again()
    {
        _lab.Brokers.Faults["ack"] = static () => FakeBrokers.Refusal(ResponseCodes.SystemBusy);
        _lab.Pops.Store(5);

        _lab.Start().Wait(8);
        Assert.Empty(_lab.Pops.Acknowledged);
        _lab.Brokers.Faults.Clear();
        _lab.Wait(12);

        Assert.Equal(Enumerable.Range(0, 5), _lab.Pops.Acknowledged.Order());
        Assert.Equal(Enumerable.Range(0, 5), _lab.Consumed.Order());
        Assert.Equal(0, _lab.Pump.Book.Count);
    }

    [Fact]
    public void No_more_is_popped_than_a_queue_may_hold_of_what_the_broker_has_not_heard_of()
    {
        _lab.Options.PullThresholdForQueue = 64;
        _lab.Brokers.Faults["ack"] = static () => FakeBrokers.Refusal(ResponseCodes.SystemBusy);
        _lab.Pops.Store(500);

        _lab.Start().Wait(10);

        Assert.InRange(_lab.Pump.Book.Count, 64, 64 + 32);
        Assert.InRange(_lab.Consumed.Count, 64, 64 + 32);
        _lab.Brokers.Faults.Clear();
        _lab.Wait(30);
        Assert.Equal(500, _lab.Pops.Acknowledged.Count);
    }

    [Fact]
    public void Whom_the_exact_tag_leaves_out_is_acknowledged_without_a_listener()
    {
        _lab.Subscription = new(PopLab.Queue.Topic, MessageSelector.ByTag("Aa"), version: 1);
        _lab.Pops.Store(3, $"{MessageProperties.Tags}\u0001BB\u0002");
        _lab.Pops.Store(1, $"{MessageProperties.Tags}\u0001Aa\u0002");

        _lab.Start().Wait(2);

        Assert.Equal([3], _lab.Consumed);
        Assert.Equal([0, 1, 2, 3], _lab.Pops.Acknowledged.Order());
    }

    [Fact]
    public void A_paused_queue_pops_nothing_and_gives_others_what_waits_before_its_time_is_over()
    {
        _lab.ListenerTakes = TimeSpan.FromSeconds(5);
        _lab.Pops.Store(32);
        _lab.Start();
        _lab.Wait(1);
        _lab.Pause(true);
        var given = _lab.Consumed.Count;

        _lab.Wait(50);

        Assert.Equal(given, _lab.Consumed.Count);
        Assert.Equal(PopPhase.Paused, _lab.Pump.State.Phase);
        Assert.Equal(32 - given, _lab.Pops.Waiting);
        _lab.Pause(false);
        _lab.Wait(120);
        Assert.Equal(32, _lab.Pops.Acknowledged.Count);
    }

    [Fact]
    public void Nothing_is_popped_or_handed_out_behind_a_closed_fence_and_all_of_it_afterwards()
    {
        _lab.Start().Wait(1);
        _lab.Fence(closed: true);
        _lab.Pops.Store(10);
        _lab.Wait(20);
        Assert.Empty(_lab.Consumed.Skip(10));
        Assert.Equal(PopPhase.Fenced, _lab.Pump.State.Phase);

        _lab.Fence(closed: false);
        _lab.Wait(70);

        Assert.Equal(Enumerable.Range(0, 10), _lab.Pops.Acknowledged.Order());
    }

    [Fact]
    public void A_stop_lets_listeners_finish_acknowledges_that_and_gives_others_the_rest_at_once()
    {
        _lab.ListenerTakes = TimeSpan.FromSeconds(5);
        _lab.Pops.Store(32);
        _lab.Start();
        _lab.Wait(1);
        var given = _lab.Consumed.Count;

        var stopping = _lab.Stop();
        _lab.Wait(1);
        Assert.Equal(32 - given, _lab.Pops.Waiting);
        Assert.False(stopping.IsCompleted);
        _lab.Wait(5);

        Assert.True(stopping.IsCompletedSuccessfully);
        Assert.Equal(given, _lab.Pops.Acknowledged.Count);
        Assert.Equal(given, _lab.Consumed.Count);
        Assert.Equal(0, _lab.Pops.Hidden);
        Assert.Equal(PopPhase.Stopped, _lab.Pump.State.Phase);
        Assert.Equal(0, _lab.SiloBytes.Used);
        Assert.True(_lab.IsGateClosed);
    }

    [Fact]
    public void What_a_listener_has_when_the_time_to_stop_is_over_comes_again_and_is_not_acknowledged()
    {
        _lab.ListenerTakes = TimeSpan.FromMinutes(5);
        _lab.Pops.Store(1);
        _lab.Start().Wait(1);

        var stopping = _lab.Stop(seconds: 3);
        _lab.Wait(5);

        Assert.True(stopping.IsCompletedSuccessfully);
        Assert.Equal(1, _lab.Pump.Abandoned);
        _lab.Wait(70);
        Assert.Equal(1, _lab.Pops.Waiting);
        Assert.Empty(_lab.Pops.Acknowledged);
    }

    [Fact]
    public void What_is_on_its_way_when_the_queue_stops_goes_to_others_at_once()
    {
        _lab.Start().Wait(0.5);
        var stopping = _lab.Stop();
        _lab.Pops.Store(3);

        _lab.Wait(3);

        Assert.True(stopping.IsCompletedSuccessfully);
        Assert.Equal((3, 0), (_lab.Pops.Waiting, _lab.Pops.Hidden));
    }

    [Fact]
    public void A_pop_that_fails_is_tried_again()
    {
        _lab.Brokers.Faults["pop"] = static () => FakeBrokers.Refusal(ResponseCodes.SystemError);
        _lab.Pops.Store(3);
        _lab.Start().Wait(5);
        Assert.NotEmpty(_lab.Pump.Level.LastError);
        Assert.False(_lab.Pump.HasBegun);

        _lab.Brokers.Faults.Clear();
        _lab.Wait(5);

        Assert.Equal([0, 1, 2], _lab.Pops.Acknowledged.Order());
        Assert.Empty(_lab.Pump.Level.LastError);
    }

    [Fact]
    public void Who_is_not_to_recover_by_itself_stands_still_until_it_is_told_to_go_on()
    {
        _lab.Options.AutoRecovery = false;
        _lab.Brokers.Faults["pop"] = static () => FakeBrokers.Refusal(ResponseCodes.SystemError);
        _lab.Start().Wait(30);
        Assert.Equal(PopPhase.Halted, _lab.Pump.State.Phase);
        _lab.Brokers.Faults.Clear();
        _lab.Pops.Store(1);
        _lab.Wait(10);
        Assert.Empty(_lab.Consumed);

        _lab.Pump.Recover();
        _lab.Wait(2);

        Assert.Equal([0], _lab.Pops.Acknowledged);
    }

    [Fact]
    public void A_seek_tells_the_broker_and_what_waits_of_the_queue_does_not_come()
    {
        _lab.ListenerTakes = TimeSpan.FromSeconds(5);
        _lab.Pops.Store(20);
        _lab.Start().Wait(1);
        var given = _lab.Consumed.Count;
        Assert.InRange(given, 1, 19);

        _lab.World.Do(() => _lab.Pump.SeekAsync(20));
        _lab.Pops.Store(1);
        _lab.Wait(20);

        Assert.Equal(given + 1, _lab.Consumed.Count);
        Assert.Equal(20, _lab.Consumed[^1]);
        Assert.Equal((0, 0), (_lab.Pops.Hidden, _lab.Pops.Waiting));
    }

    [Fact]
    public void A_seek_back_brings_everything_again_and_what_had_failed_once_more_only()
    {
        var fails = true;
        _lab.Fails = _ => fails ? new FailedMessage(0, 0, "no") : null;
        _lab.Pops.Store(1);
        _lab.Start().Wait(1);
        fails = false;
        _lab.Pops.Store(4);
        _lab.Wait(1);

        _lab.World.Do(() => _lab.Pump.SeekAsync(0));
        _lab.Wait(15);

        Assert.Equal([0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0], _lab.Consumed);
    }

    [Fact]
    public void A_seek_that_the_broker_does_not_take_changes_nothing()
    {
        _lab.Brokers.Faults["reset"] = static () => FakeBrokers.Refusal(ResponseCodes.SystemError);
        _lab.Pops.Store(1);
        _lab.Start().Wait(1);

        Assert.Throws<BrokerResponseException>(() => _lab.World.Do(() => _lab.Pump.SeekAsync(0)));

        Assert.Equal([0], _lab.Pops.Acknowledged);
    }

    [Fact]
    public void Its_snapshot_tells_that_it_is_popped_and_has_no_offset()
    {
        _lab.ListenerTakes = TimeSpan.FromSeconds(5);
        _lab.Pops.Store(3);

        var snapshot = _lab.Start().Pump.Snapshot();

        Assert.Equal((-1, -1, -1), (snapshot.Watermark, snapshot.CommittedOffset, snapshot.MaxOffset));
        Assert.Equal(new PoppedSnapshot(3, 0, 0), snapshot.Popped);
        Assert.Null(_lab.Pump.Lag);
        Assert.Equal(3, _lab.Pump.Unacknowledged);
    }

    [Fact]
    public void A_further_share_of_a_queue_pops_the_queue_itself_once_the_broker_knows_where_the_group_begins()
    {
        _lab.Pops.Store(3);
        _lab.Start(QueueShare.Of(PopLab.Queue, 2)).Wait(5);
        Assert.Empty(_lab.Pops.Requests);

        _lab.Brokers.Offsets[PopLab.Queue] = 0;
        _lab.Wait(2);

        Assert.All(_lab.Pops.Requests, request => Assert.Equal(PopLab.Queue, request.Queue));
        Assert.All(_lab.Listeners.ListenerCalls, call => Assert.Equal(PopLab.Queue, call.Queue));
        Assert.Equal([0, 1, 2], _lab.Pops.Acknowledged.Order());
        Assert.Empty(_lab.Brokers.Told);
    }

    [Fact]
    [Trait("Length", "Long")]
    public void One_message_that_takes_long_holds_up_no_others_however_many_they_are()
    {
        _lab.Options.ConsumeThreadMax = 2;
        _lab.Listeners.Consume = async (_, call, token) =>
        {
            if (call.Messages.Any(message => PopLab.NumberOf(message) == 0))
            {
                await Task.Delay(TimeSpan.FromMinutes(10), _lab.World.Time, token);
            }

            return new(call.Messages.Count, TimeSpan.FromMilliseconds(1), null);
        };
        _lab.Options.ConsumeBatchSize = 1;
        _lab.Pops.Store(18_000);

        _lab.Start().World.Wait(TimeSpan.FromSeconds(60), TimeSpan.FromSeconds(1));

        Assert.Equal(17_999, _lab.Pops.Acknowledged.Count);
        Assert.InRange(_lab.Pump.Runs.Window.Length, 0, 2_000);
        _lab.World.Wait(TimeSpan.FromSeconds(600), TimeSpan.FromSeconds(1));
        Assert.Equal(18_000, _lab.Pops.Acknowledged.Distinct().Count());
    }
}
