using OrleansRocketMQ.Engine.Flow;

namespace OrleansRocketMQ.Engine.Tests.Flow;

/// <summary>When a circuit breaker opens, tries, and closes.</summary>
public sealed class CircuitBreakerTests
{
    private static readonly BreakerRules Rules = new(
        FailureShare: 0.5, TimeSpan.FromSeconds(10), LeastMessages: 10, TimeSpan.FromSeconds(30), TimeSpan.FromMinutes(2), TrialMessages: 4);

    private DateTimeOffset _now = DateTimeOffset.UnixEpoch;
    private BreakerState _breaker = BreakerState.Closed;

    [Fact]
    public void It_opens_at_the_share_of_failures_and_not_before_there_are_enough_messages()
    {
        Assert.Equal(BreakerPhase.Closed, After(1, succeeded: 0, failed: 9));
        Assert.Equal(BreakerPhase.Open, After(1, succeeded: 1, failed: 0));
        Assert.Equal(((9L, 10L), _now, _now.AddSeconds(30), 1), (_breaker.Cause, _breaker.Since, _breaker.Until, _breaker.Openings));
    }

    [Fact]
    public void Below_the_share_it_stays_closed()
    {
        Assert.Equal(BreakerPhase.Closed, After(1, succeeded: 11, failed: 10));
        Assert.Equal(BreakerPhase.Open, After(1, succeeded: 0, failed: 1));
    }

    [Fact]
    public void As_many_failures_as_successes_are_half_of_them()
    {
        Assert.Equal(BreakerPhase.Open, After(1, succeeded: 5, failed: 5));
        Assert.Equal((5L, 10L), _breaker.Cause);
    }

    [Fact]
    public void A_longest_time_that_is_shorter_than_the_first_one_shortens_nothing()
    {
        _breaker = _breaker.Next(Rules with { MaxOpenTime = TimeSpan.FromSeconds(10) }, succeeded: 0, failed: 10, _now);

        Assert.Equal(30, (_breaker.Until - _breaker.Since).TotalSeconds);
    }

    [Fact]
    public void What_is_older_than_the_window_counts_no_more()
    {
        Assert.Equal(BreakerPhase.Closed, After(0, succeeded: 0, failed: 9));
        Assert.Equal(BreakerPhase.Closed, After(10, succeeded: 0, failed: 9));
        Assert.Equal(BreakerPhase.Open, After(9, succeeded: 0, failed: 1));
    }

    [Fact]
    public void Nothing_at_all_opens_nothing()
    {
        for (var second = 0; second < 100; second++)
        {
            Assert.Equal(BreakerPhase.Closed, After(1, 0, 0));
        }
    }

    [Fact]
    public void While_it_is_open_nothing_counts_and_then_it_tries()
    {
        Open();
        Assert.Equal(BreakerPhase.Open, After(29, succeeded: 100, failed: 100));
        Assert.Equal(BreakerPhase.Trial, After(1, succeeded: 0, failed: 100));
        Assert.Equal(BreakerPhase.Trial, After(3600, 0, 0));
    }

    [Fact]
    public void It_closes_when_the_trial_succeeds_and_has_forgotten_the_past()
    {
        Try();
        Assert.Equal(BreakerPhase.Trial, After(1, succeeded: 2, failed: 1));
        Assert.Equal(BreakerPhase.Closed, After(60, succeeded: 1, failed: 0));
        Assert.Equal(BreakerState.Closed, _breaker);
    }

    [Fact]
    public void A_trial_that_fails_opens_it_longer_each_time_up_to_the_longest()
    {
        Open();
        foreach (var seconds in new[] { 30, 60, 120, 120 })
        {
            Assert.Equal(seconds, (_breaker.Until - _breaker.Since).TotalSeconds);
            After(seconds, 0, 0);
            Assert.Equal(BreakerPhase.Trial, After(1, succeeded: 0, failed: 1));
            Assert.Equal(BreakerPhase.Open, After(1, succeeded: 0, failed: 1));
        }

        Assert.Equal(5, _breaker.Openings);
        Try();
        After(1, succeeded: 4, failed: 0);
        Open();
        Assert.Equal(30, (_breaker.Until - _breaker.Since).TotalSeconds);
    }

    [Fact]
    public void One_that_somebody_remembers_goes_on_where_it_was()
    {
        Open();
        _breaker = BreakerState.Of(_breaker.Phase, _breaker.Since, _breaker.Until, _breaker.Openings, _breaker.Cause);
        Assert.Equal(BreakerPhase.Open, After(29, 0, 0));
        Assert.Equal(BreakerPhase.Trial, After(1, 0, 0));
        Assert.Equal(BreakerPhase.Open, After(1, succeeded: 0, failed: 2));
        Assert.Equal(60, (_breaker.Until - _breaker.Since).TotalSeconds);
    }

    private void Open() => Assert.Equal(BreakerPhase.Open, After(1, succeeded: 0, failed: 10));

    private void Try()
    {
        if (_breaker.Phase == BreakerPhase.Closed)
        {
            Open();
        }

        Assert.Equal(BreakerPhase.Trial, After((_breaker.Until - _now).TotalSeconds, 0, 0));
    }

    private BreakerPhase After(double seconds, long succeeded, long failed)
    {
        _now += TimeSpan.FromSeconds(seconds);
        _breaker = _breaker.Next(Rules, succeeded, failed, _now);
        return _breaker.Phase;
    }
}
