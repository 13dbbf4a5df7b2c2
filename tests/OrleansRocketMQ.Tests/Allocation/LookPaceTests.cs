using OrleansRocketMQ.Allocation;

namespace OrleansRocketMQ.Tests.Allocation;

/// <summary>Looks at the allocation follow a change at once, and a storm of changes at a bounded pace.</summary>
public sealed class LookPaceTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void The_first_change_and_one_after_a_quiet_time_are_looked_at_at_once()
    {
        var pace = new LookPace(_time);

        Assert.Equal(TimeSpan.Zero, Look(pace));
        _time.Advance(LookPace.Most);
        Assert.Equal(TimeSpan.Zero, Look(pace));
    }

    [Fact]
    public void Changes_that_follow_closely_are_looked_at_together_and_while_they_do_not_end_once_a_second()
    {
        var pace = new LookPace(_time);
        Look(pace);

        TimeSpan[] pauses = [.. Enumerable.Range(0, 5).Select(_ => Look(pace))];

        Assert.Equal([0.2, 0.4, 0.8, 1, 1], pauses.Select(pause => pause.TotalSeconds));
    }

    [Fact]
    public void After_a_quiet_time_the_pauses_are_short_again()
    {
        var pace = new LookPace(_time);
        for (var look = 0; look < 6; look++)
        {
            Look(pace);
        }

        _time.Advance(LookPace.Most);
        Look(pace);

        Assert.Equal(LookPace.Least, Look(pace));
    }

    // Each look is wanted at once after the one before.
    private TimeSpan Look(LookPace pace)
    {
        var wait = pace.Next();
        _time.Advance(wait);
        pace.Note();
        return wait;
    }
}
