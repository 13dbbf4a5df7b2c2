using OrleansRocketMQ.Chaos.Silo;

namespace OrleansRocketMQ.Chaos.Tests;

/// <summary>The clock of a silo is set and skips, and the machine's is not.</summary>
public sealed class ChaosClockTests
{
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);

    private readonly ChaosClock _clock = new();

    [Fact]
    public async Task A_clock_that_is_set_tells_another_time_of_day_and_nothing_comes_due()
    {
        var (before, waits) = (_clock.GetTimestamp(), Task.Delay(Hour, _clock, CancellationToken.None));

        _clock.Set(2 * Hour);
        Assert.InRange(_clock.GetUtcNow() - TimeProvider.System.GetUtcNow(), 1.9 * Hour, 2.1 * Hour);
        _clock.Set(-3 * Hour);
        Assert.InRange(_clock.GetUtcNow() - TimeProvider.System.GetUtcNow(), -1.1 * Hour, -0.9 * Hour);

        Assert.InRange(_clock.GetElapsedTime(before), TimeSpan.Zero, 0.9 * Hour);
        Assert.False(waits.IsCompleted);
        await Task.Delay(TimeSpan.FromMilliseconds(1), _clock);
    }

    [Fact]
    public async Task A_machine_that_stood_still_finds_that_time_has_passed_and_what_was_due_is_due()
    {
        var (before, soon, late) = (_clock.GetTimestamp(), Task.Delay(Hour, _clock), Task.Delay(3 * Hour, _clock));

        _clock.StandStill(2 * Hour);

        await soon.WaitAsync(Eventually.Deadline);
        Assert.False(late.IsCompleted);
        Assert.InRange(_clock.GetElapsedTime(before), 2 * Hour, 2.9 * Hour);
        Assert.InRange(_clock.GetUtcNow() - TimeProvider.System.GetUtcNow(), 1.9 * Hour, 2.1 * Hour);
    }

    [Fact]
    public async Task What_comes_again_and_again_goes_on_at_its_pace_after_that()
    {
        var ticks = 0;
        await using var timer = _clock.CreateTimer(_ => Interlocked.Increment(ref ticks), null, Hour, TimeSpan.FromMilliseconds(20));

        _clock.StandStill(Hour);

        await Eventually.TrueAsync(() => Volatile.Read(ref ticks) > 3, "it ticks");
    }
}
