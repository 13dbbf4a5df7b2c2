using OrleansRocketMQ.Engine.Rebalance;

namespace OrleansRocketMQ.Engine.Tests.Rebalance;

/// <summary>Looks at the allocation follow a change at once, and a storm of changes at a bounded pace.</summary>
public sealed class LookPaceTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly LookPace _pace;

    public LookPaceTests() => _pace = new LookPace(_time);

    [Fact]
    public void The_first_change_is_looked_at_at_once() => Assert.Equal(TimeSpan.Zero, _pace.Next());

    [Fact]
    public void A_change_is_looked_at_at_once_also_when_a_few_have_come_shortly_before()
    {
        for (var change = 0; change < LookPace.Burst; change++)
        {
            Assert.Equal(TimeSpan.Zero, _pace.Next());
            _pace.Note();
            _time.Advance(LookPace.Least);
        }
    }

    [Fact]
    public void Changes_within_a_moment_are_looked_at_together()
    {
        _pace.Note();
        _time.Advance(LookPace.Least / 2);

        Assert.Equal(LookPace.Least / 2, _pace.Next());
    }

    [Fact]
    public void While_changes_do_not_end_they_are_looked_at_twice_a_second()
    {
        Storm();

        Assert.All(Enumerable.Range(0, 5), _ => Assert.Equal(LookPace.Most.TotalSeconds, Look().TotalSeconds, 3));
    }

    [Fact]
    public void After_a_quiet_time_changes_are_looked_at_at_once_again()
    {
        Storm();
        _time.Advance(LookPace.Most * LookPace.Burst);

        Assert.Equal(TimeSpan.Zero, Look());
        Assert.Equal(LookPace.Least, Look());
    }

    private void Storm()
    {
        for (var look = 0; look < 2 * LookPace.Burst; look++)
        {
            Look();
        }
    }

    // Each look is wanted at once after the one before.
    private TimeSpan Look()
    {
        var wait = _pace.Next();
        _time.Advance(wait);
        _pace.Note();
        return wait;
    }
}
