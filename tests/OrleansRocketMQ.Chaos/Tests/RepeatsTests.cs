using System.Diagnostics;
using OrleansRocketMQ.Chaos.Checking;
using OrleansRocketMQ.Chaos.Plan;
using OrleansRocketMQ.Chaos.World;

namespace OrleansRocketMQ.Chaos.Tests;

/// <summary>What came again needs a cause, and no cause brings again as much as it likes.</summary>
public sealed class RepeatsTests
{
    [Fact]
    public void A_message_that_comes_again_after_a_kill_is_put_down_to_it()
    {
        var repeats = Of([At(12)], [Struck(FaultKind.KillSilo, 10, 11)]);

        Assert.Equal([(nameof(FaultKind.KillSilo), 1)], repeats.ByCause);
        Assert.Empty(repeats.Complaints());
    }

    [Fact]
    public void One_that_comes_again_before_anything_has_happened_is_a_complaint()
    {
        Assert.Single(Of([At(9)], [Struck(FaultKind.KillSilo, 10, 11)]).Complaints());
        Assert.Single(Of([At(9)], []).Complaints());
    }

    [Fact]
    public void One_that_comes_again_long_after_everything_is_a_complaint()
    {
        Assert.Empty(Of([At(100)], [Struck(FaultKind.KillSilo, 10, 11)]).Complaints());
        Assert.Single(Of([At(102)], [Struck(FaultKind.KillSilo, 10, 11)]).Complaints());
    }

    [Fact]
    public void A_silo_that_is_stopped_or_one_silo_more_brings_nothing_again()
    {
        Assert.Single(Of([At(12)], [Struck(FaultKind.StopSilo, 10, 11)]).Complaints());
        Assert.Single(Of([At(12)], [Struck(FaultKind.AddSilo, 10, 11)]).Complaints());
    }

    [Fact]
    public void It_is_put_down_to_the_last_of_several_that_had_begun()
    {
        StruckFault[] faults = [Struck(FaultKind.KillSilo, 10, 11), Struck(FaultKind.CutConnections, 20, 20), Struck(FaultKind.SuspendStore, 30, 35)];

        Assert.Equal([(nameof(FaultKind.CutConnections), 1)], Of([At(29)], faults).ByCause);
    }

    [Fact]
    public void A_message_that_was_sent_twice_is_two()
    {
        var repeats = Repeats.Of([At(9)], [], _ => true);

        Assert.Equal([("sent twice", 1)], repeats.ByCause);
        Assert.Empty(repeats.Complaints());
    }

    [Fact]
    public void More_than_a_fault_may_bring_again_is_a_complaint()
    {
        var kill = Struck(FaultKind.KillSilo, 10, 11);
        var most = RoundTopics.All.Count * Load.MostPerSecond * 11;

        Assert.Empty(Of(Enumerable.Repeat(At(12), most), [kill]).Complaints());
        Assert.Single(Of(Enumerable.Repeat(At(12), most + 1), [kill]).Complaints());
        Assert.Empty(Of(Enumerable.Repeat(At(12), most + 1), [kill, Struck(FaultKind.CutConnections, 10, 10)]).Complaints());
    }

    private static Repeats Of(IEnumerable<RoundRecord> again, IReadOnlyList<StruckFault> faults) => Repeats.Of(again, faults, _ => false);

    private static RoundRecord At(int second) => new(RoundTopics.Any, "key-1", 0, second * Stopwatch.Frequency);

    private static StruckFault Struck(FaultKind kind, int from, int to)
        => new(new(kind, default, default, 0, 0), from * Stopwatch.Frequency, to * Stopwatch.Frequency, new Fault(kind, default, default, 0, 0).MayRepeat);
}
