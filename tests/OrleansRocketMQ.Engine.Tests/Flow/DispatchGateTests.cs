using OrleansRocketMQ.Engine.Flow;

namespace OrleansRocketMQ.Engine.Tests.Flow;

/// <summary>Whoever hands messages out asks one place whether he may.</summary>
public sealed class DispatchGateTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly DispatchGate _gate = new();

    [Fact]
    public void A_gate_nobody_has_shut_lets_everything_pass()
    {
        Assert.True(_gate.IsOpen);
        Assert.False(_gate.IsShut || _gate.IsPaused || _gate.IsFenced);
        Assert.Null(_gate.Broken);
        Assert.Equal(7, _gate.Admit(7));
    }

    [Fact]
    public void Pause_and_fence_shut_it_each_by_itself_until_both_are_over()
    {
        _gate.Set(paused: true, rate: null);
        Assert.Equal((true, false, true, false, 0), Figures());
        _gate.Fence(closed: true);
        Assert.Equal((true, true, true, false, 0), Figures());
        _gate.Set(paused: false, rate: null);
        Assert.Equal((false, true, true, false, 0), Figures());
        _gate.Fence(closed: false);
        Assert.Equal((false, false, false, true, 7), Figures());
    }

    /// <summary>Finding M19.</summary>
    [Fact]
    public void What_is_in_doubt_by_the_clock_is_not_handed_out_before_anybody_has_told()
    {
        var isInDoubt = true;
        _gate.IsInDoubt = () => isInDoubt;

        Assert.Equal(0, _gate.Admit(7));
        Assert.Equal((false, false), (_gate.IsShut, _gate.IsOpen));
        isInDoubt = false;
        Assert.Equal(7, _gate.Admit(7));
    }

    [Fact]
    public void Nobody_looks_at_the_clock_or_takes_tokens_while_it_is_shut()
    {
        using var rate = new TopicRate(10, _time, () => { });
        _time.Advance(TimeSpan.FromSeconds(1));
        var looks = 0;
        _gate.IsInDoubt = () => ++looks > 0;
        _gate.Set(paused: true, rate);
        Assert.Equal(0, _gate.Admit(5));
        Assert.Equal(0, looks);

        _gate.Set(paused: false, rate);
        Assert.Equal(0, _gate.Admit(5));
        Assert.Equal((1, 10), (looks, rate.Take(20)));
    }

    [Fact]
    public void A_rate_lets_pass_what_it_has_tokens_for()
    {
        using var rate = new TopicRate(3, _time, () => { });
        _gate.Set(paused: false, rate);
        Assert.False(_gate.IsOpen);
        Assert.False(_gate.IsShut);
        _time.Advance(TimeSpan.FromSeconds(1));

        Assert.True(_gate.IsOpen);
        Assert.Equal(2, _gate.Admit(2));
        Assert.Equal(1, _gate.Admit(2));
        Assert.Equal(0, _gate.Admit(2));
        Assert.False(_gate.IsOpen);
        _gate.Set(paused: false, rate: null);
        Assert.Equal(2, _gate.Admit(2));
    }

    [Fact]
    public void A_broken_rule_shuts_it_for_good_and_the_first_one_is_told()
    {
        _gate.Break("a lease ends once");
        _gate.Break("something else");
        _gate.Set(paused: false, rate: null);

        Assert.Equal((true, false, true, false, 0), Figures());
        Assert.Contains("a lease ends once", _gate.Broken!.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_stop_that_the_cluster_knows_of_ends_with_that_also_for_a_call_that_failed_after_it()
    {
        _gate.Set(paused: false, rate: null, "1 at silo A");
        _gate.Stop(Stop());
        _gate.Set(paused: false, rate: null);

        Assert.Null(_gate.Stopped);
        Assert.Equal(7, _gate.Admit(7));
    }

    [Fact]
    public void A_stop_that_the_cluster_does_not_know_of_yet_outlives_its_settings()
    {
        var told = 0;
        var gate = new DispatchGate { OnStop = _ => told++ };
        gate.Set(paused: false, rate: null, "1 at silo A");
        gate.Set(paused: false, rate: null);
        gate.Stop(Stop());
        gate.Set(paused: false, rate: null);

        Assert.Contains("bad", gate.Stopped, StringComparison.Ordinal);
        Assert.Equal((0, 1), (gate.Admit(7), told));
    }

    private static QueueStop Stop() => new(new("T", "broker-a", 0), "id", 3, "bad");

    private (bool IsPaused, bool IsFenced, bool IsShut, bool IsOpen, int Admitted) Figures()
        => (_gate.IsPaused, _gate.IsFenced, _gate.IsShut, _gate.IsOpen, _gate.Admit(7));
}
