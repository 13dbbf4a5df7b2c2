using OrleansRocketMQ.Chaos.Plan;
using OrleansRocketMQ.Chaos.World;

namespace OrleansRocketMQ.Chaos.Tests;

/// <summary>Which silos may end.</summary>
public sealed class SupervisorTests
{
    private static readonly string[] GivenUp = ["silo-host ends at once: I have been told I am dead, so this silo will stop! Reason: votes"];

    [Theory]
    [InlineData(nameof(FaultKind.IsolateSilo))]
    [InlineData(nameof(FaultKind.PartitionOneWay))]
    [InlineData(nameof(FaultKind.SkipTime))]
    public void One_that_the_others_did_not_hear_may_be_declared_dead(string kind)
        => Assert.Null(Supervisor.ComplaintOf(PlanOf(kind), GivenUp));

    [Theory]
    [InlineData(nameof(FaultKind.SetClock))]
    [InlineData(nameof(FaultKind.StoreAway))]
    [InlineData(nameof(FaultKind.KillBrokers))]
    [InlineData(nameof(FaultKind.DrainSilo))]
    public void One_that_they_heard_may_not(string kind)
        => Assert.NotNull(Supervisor.ComplaintOf(PlanOf(kind), GivenUp));

    [Fact]
    public void No_silo_may_end_for_another_reason()
        => Assert.EndsWith("silo-host ends at once: no memory", Supervisor.ComplaintOf(PlanOf(nameof(FaultKind.IsolateSilo)), ["silo-host ends at once: no memory"]), StringComparison.Ordinal);

    [Fact]
    public void One_that_starts_may_be_evicted_by_one_whose_clock_is_minutes_ahead_and_by_no_other()
    {
        var ahead = new Fault(FaultKind.SetClock, default, default, 0, 600);

        Assert.True(ahead.MayKeepOut);
        Assert.False((ahead with { Amount = 60 }).MayKeepOut);
        Assert.False((ahead with { Amount = -3600 }).MayKeepOut);
    }

    private static RoundPlan PlanOf(string kind) => RoundPlan.Of(1, TimeSpan.FromSeconds(45), [Enum.Parse<FaultKind>(kind)]);
}
