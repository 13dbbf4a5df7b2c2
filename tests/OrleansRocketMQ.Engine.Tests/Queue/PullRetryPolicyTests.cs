using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Tests.Support;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Engine.Tests.Queue;

/// <summary>What a failure means to a queue: how long it waits, whom it tells, and when it gives up.</summary>
public sealed class PullRetryPolicyTests
{
    private readonly PumpLab _lab = new PumpLab().Make();
    private readonly PullRetryPolicy _policy;

    public PullRetryPolicyTests() => _policy = new PullRetryPolicy(PumpLab.Queue, _lab.Environment, _lab.Log);

    [Fact]
    public void Waits_grow_with_each_failure_up_to_three_seconds_and_a_success_ends_them()
    {
        var waits = Enumerable.Range(0, 4).Select(_ => Fail(new BrokerNotAvailableException("away"))).ToArray();
        Assert.Equal([1.0, 2.0, 3.0, 3.0], waits);
        Assert.IsType<BrokerNotAvailableException>(_policy.LastError);

        _policy.Succeeded();
        Assert.Null(_policy.LastError);
        Assert.Equal(["broker-a"], _lab.Found);
        Assert.Equal(1.0, Fail(new BrokerNotAvailableException("away")));
    }

    [Fact]
    public void A_wait_is_over_when_its_time_is()
    {
        Assert.Equal(TimeSpan.Zero, _policy.DueIn);
        Fail(new BrokerNotAvailableException("away"));
        _lab.World.Time.Advance(TimeSpan.FromSeconds(0.4));
        Assert.Equal(TimeSpan.FromSeconds(0.6), _policy.DueIn);
        _lab.World.Time.Advance(TimeSpan.FromSeconds(0.6));
        Assert.Equal(TimeSpan.Zero, _policy.DueIn);
        _lab.World.Time.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(TimeSpan.Zero, _policy.DueIn);
    }

    /// <summary>Finding M16.</summary>
    [Fact]
    public void A_broker_that_asks_for_patience_has_not_failed_however_often_it_does()
    {
        _lab.Options.AutoRecovery = false;
        for (var times = 0; times < 20; times++)
        {
            Assert.Equal(QueueEventKind.AttemptFailed, _policy.Failed(Pull(FakeBrokers.Refusal(ResponseCodes.FlowControl))));
            Assert.Equal(TimeSpan.FromMilliseconds(20), _policy.DueIn);
        }

        Assert.Equal(QueueEventKind.AttemptFailed, _policy.Failed(new BrokerNotAvailableException("away")));
        Assert.Equal([133], _lab.Log.Ids);
    }

    [Fact]
    public void A_queue_that_does_not_recover_by_itself_gives_up_after_so_many_failures_on_end_and_counts_anew_afterwards()
    {
        _lab.Options.AutoRecovery = false;
        _lab.Options.MaxRetryTimes = 3;
        QueueEventKind Failed() => _policy.Failed(Pull(new BrokerNotAvailableException("away")));

        Assert.Equal(QueueEventKind.AttemptFailed, Failed());
        _policy.Succeeded();
        Assert.Equal(
            [QueueEventKind.AttemptFailed, QueueEventKind.AttemptFailed, QueueEventKind.FailedTooOften], [Failed(), Failed(), Failed()]);
        _policy.Halts();
        _policy.GoesOn();
        Assert.Equal(QueueEventKind.AttemptFailed, Failed());
        Assert.Equal([133, 133, 133, 139, 140, 133], _lab.Log.Ids);
        Assert.Contains("after 3 failures", _lab.Log.Texts[3], StringComparison.Ordinal);

        _lab.Options.AutoRecovery = true;
        Assert.All(Enumerable.Range(0, 20), _ => Assert.Equal(QueueEventKind.AttemptFailed, Failed()));
    }

    /// <summary>Finding F11: only the queue's own broker, once for each failure.</summary>
    [Theory]
    [InlineData(ResponseCodes.SubscriptionNotExist, true)]
    [InlineData(ResponseCodes.SubscriptionNotLatest, true)]
    [InlineData(ResponseCodes.SubscriptionGroupNotExist, true)]
    [InlineData(ResponseCodes.TopicNotExist, false)]
    public void A_broker_that_has_forgotten_the_group_is_to_hear_of_it_once(int code, bool hears)
    {
        _policy.Asks = "broker-a:10911";
        _policy.Failed(Pull(FakeBrokers.Refusal(code)));

        Assert.Equal(hears ? "broker-a:10911" : null, _policy.TakeForgetful());
        Assert.Null(_policy.TakeForgetful());
    }

    [Fact]
    public void A_broker_without_the_group_is_told_of_once_for_all_its_queues()
    {
        _policy.Failed(Pull(FakeBrokers.Refusal(ResponseCodes.SubscriptionGroupNotExist)));

        Assert.Equal(["broker-a"], _lab.Missing);
        Assert.Empty(_lab.Log.Ids);
    }

    [Fact]
    public void Failures_on_end_are_told_of_less_and_less_often()
    {
        for (var times = 0; times < 16; times++)
        {
            _policy.Failed(Pull(new BrokerNotAvailableException("away")));
        }

        Assert.Equal(5, _lab.Log.Count(133));
        Assert.Contains("away", _lab.Log.Texts[0], StringComparison.Ordinal);
    }

    [Fact]
    public void An_answer_too_long_is_asked_for_again_seldom_and_told_of_once()
    {
        var failure = Pull(new FrameTooLongException("broker-a:10911", 11, 100, 10));
        Assert.Equal(30.0, Fail(failure));
        Assert.Equal(30.0, Fail(failure));
        Assert.Equal([133], _lab.Log.Ids);

        _policy.Succeeded();
        Fail(failure);
        Assert.Equal(2, _lab.Log.Count(133));
    }

    [Fact]
    public void What_lies_in_a_failed_read_of_the_offset_counts_as_that_of_a_pull()
    {
        _policy.Failed(new OffsetFetchException(PumpLab.Queue, "busy", FakeBrokers.Refusal(ResponseCodes.FlowControl)));

        Assert.Equal(TimeSpan.FromMilliseconds(20), _policy.DueIn);
        Assert.IsType<OffsetFetchException>(_policy.LastError);
    }

    private static MessagePullException Pull(Exception reason) => new(PumpLab.Queue, reason.Message, reason);

    private double Fail(Exception failure)
    {
        Assert.Equal(QueueEventKind.AttemptFailed, _policy.Failed(failure));
        return _policy.DueIn.TotalSeconds;
    }
}
