using FsCheck;
using FsCheck.Fluent;
using OrleansRocketMQ.Engine.Flow;

namespace OrleansRocketMQ.Engine.Tests.Flow;

/// <summary>A rate is kept over any stretch of time, but for the tokens of one second that may have been saved up.</summary>
public sealed class TopicRateTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void Nothing_is_saved_up_before_the_start_and_one_second_at_most_later()
    {
        using var rate = new TopicRate(100, _time, () => { });

        Assert.Equal(0, rate.Take(1000));
        _time.Advance(TimeSpan.FromMilliseconds(500));
        Assert.Equal(50, rate.Take(1000));
        _time.Advance(TimeSpan.FromHours(1));
        Assert.Equal(100, rate.Take(1000));
        Assert.Equal(0, rate.Take(1000));
    }

    [Fact]
    public void Who_found_too_few_is_called_when_there_are_some_again()
    {
        var calls = 0;
        using var rate = new TopicRate(0.5, _time, () => calls++);

        Assert.False(rate.HasToken());
        _time.Advance(TimeSpan.FromSeconds(1.9));
        Assert.Equal(0, calls);
        _time.Advance(TimeSpan.FromSeconds(0.2));
        Assert.Equal(1, calls);
        Assert.Equal(1, rate.Take(5));

        // One message of five: the others are called for again.
        _time.Advance(TimeSpan.FromSeconds(2.1));
        Assert.Equal(2, calls);
    }

    [Fact]
    public void Another_limit_holds_at_once()
    {
        var calls = 0;
        using var rate = new TopicRate(0.01, _time, () => calls++);
        Assert.Equal(0, rate.Take(1));

        rate.Change(1000);
        _time.Advance(TimeSpan.FromMilliseconds(100));

        Assert.Equal(1, calls);
        Assert.Equal(100, rate.Take(500));
        rate.Change(10);
        _time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(10, rate.Take(500));
    }

    [Fact]
    public void A_slow_rate_saves_up_one_message_at_most_and_gives_it_out_whole()
    {
        using var rate = new TopicRate(0.1, _time, () => { });
        Assert.Equal(0.1, rate.PerSecond);
        _time.Advance(TimeSpan.FromSeconds(9.9));
        Assert.False(rate.HasToken());
        _time.Advance(TimeSpan.FromSeconds(0.2));
        Assert.True(rate.HasToken());
        Assert.Equal(1, rate.Take(1));
        _time.Advance(TimeSpan.FromHours(1));
        Assert.Equal(1, rate.Take(10));
    }

    [Fact]
    public void A_fast_rate_calls_once_for_a_portion_and_whoever_found_enough_is_not_called()
    {
        var calls = 0;
        using var rate = new TopicRate(10_000, _time, () => calls++);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(10_000, rate.Take(10_000));
        _time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(0, calls);
        rate.Take(10_000);

        Assert.Equal(0, rate.Take(1));
        Assert.Equal(0, rate.Take(1));
        Assert.False(rate.HasToken());
        _time.Advance(TimeSpan.FromMilliseconds(9.9));
        Assert.Equal(0, calls);
        _time.Advance(TimeSpan.FromMilliseconds(0.1));
        Assert.Equal(1, calls);
        _time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(1, calls);
    }

    [Fact]
    public void The_call_comes_a_millisecond_after_the_message_is_due_so_that_it_finds_one()
    {
        var calls = 0;
        using var rate = new TopicRate(2, _time, () => calls++);
        rate.Take(1);

        _time.Advance(TimeSpan.FromMilliseconds(500));
        Assert.Equal(0, calls);
        _time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(1, calls);
        Assert.Equal(1, rate.Take(1));
    }

    [Fact]
    public void What_is_saved_up_already_shortens_the_wait()
    {
        var calls = 0;
        using var rate = new TopicRate(1, _time, () => calls++);
        _time.Advance(TimeSpan.FromMilliseconds(500));
        Assert.False(rate.HasToken());

        _time.Advance(TimeSpan.FromMilliseconds(502));
        Assert.Equal(1, calls);
    }

    [Fact]
    public void A_very_slow_rate_looks_again_after_an_hour()
    {
        var calls = 0;
        using var rate = new TopicRate(0.0001, _time, () => calls++);
        Assert.False(rate.HasToken());

        _time.Advance(TimeSpan.FromHours(1));
        Assert.Equal(0, calls);
        _time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(1, calls);
        Assert.False(rate.HasToken());
        _time.Advance(TimeSpan.FromHours(1.1));
        Assert.Equal(2, calls);
    }

    [Fact]
    public void A_change_that_nobody_waits_for_calls_nobody_and_keeps_what_was_saved_within_the_new_second()
    {
        var calls = 0;
        var rate = new TopicRate(100, _time, () => calls++);
        _time.Advance(TimeSpan.FromSeconds(1));
        rate.Change(1000);
        Assert.Equal(1000, rate.PerSecond);
        Assert.Equal(100, rate.Take(100));
        Assert.False(rate.HasToken());
        Assert.Equal(0, calls);
        _time.Advance(TimeSpan.FromMinutes(1));
        calls = 0;
        rate.Change(20);
        Assert.Equal(20, rate.Take(20));
        Assert.Equal(0, calls);

        Assert.Equal(0, rate.Take(1));
        rate.Dispose();
        _time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(0, calls);
    }

    [Fact]
    public void Over_any_stretch_of_time_the_rate_holds_and_is_used() => Prop.ForAll(
        (from perSecond in Gen.Choose(1, 5000)
         from steps in Gen.Choose(1, 900).Two().ListOf(100)
         select (perSecond, steps)).ToArbitrary(),
        test =>
        {
            var time = new FakeTimeProvider();
            using var rate = new TopicRate(test.perSecond, time, () => { });
            var (start, taken) = (time.GetTimestamp(), 0);
            foreach (var (milliseconds, most) in test.steps)
            {
                time.Advance(TimeSpan.FromMilliseconds(milliseconds));
                taken += rate.Take(most);
                Assert.True(taken <= (time.GetElapsedTime(start).TotalSeconds * test.perSecond) + 1);
            }

            // Somebody who takes all there is gets what the rate gives, but for the part of a message.
            rate.Take(int.MaxValue);
            var (begin, all) = (time.GetTimestamp(), 0);
            for (var step = 0; step < 100; step++)
            {
                time.Advance(TimeSpan.FromMilliseconds(37));
                all += rate.Take(int.MaxValue);
            }

            Assert.InRange(
                all, (time.GetElapsedTime(begin).TotalSeconds * test.perSecond) - 1, (time.GetElapsedTime(begin).TotalSeconds * test.perSecond) + 1);
        }).QuickCheckThrowOnFailure();
}
