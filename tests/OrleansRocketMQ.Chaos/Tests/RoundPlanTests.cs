using OrleansRocketMQ.Chaos.Plan;
using OrleansRocketMQ.Chaos.Rounds;
using OrleansRocketMQ.SiloHost.Support;

namespace OrleansRocketMQ.Chaos.Tests;

/// <summary>A round follows from its seed, and is run once.</summary>
public sealed class RoundPlanTests : IDisposable
{
    private static readonly TimeSpan Lasts = TimeSpan.FromSeconds(45);

    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_seed_says_all_of_its_round()
    {
        var plans = Enumerable.Range(1, 500).Select(seed => RoundPlan.Of(seed, Lasts)).ToList();

        Assert.Equal(plans[0].Faults, RoundPlan.Of(1, Lasts).Faults);
        Assert.All(Enum.GetValues<FaultKind>(), kind => Assert.True(plans.Count(plan => plan.Faults.Any(fault => fault.Kind == kind)) > 50));
        Assert.All(plans.SelectMany(plan => plan.Faults), fault => Assert.True(fault.Lasts > TimeSpan.Zero && fault.At + fault.Lasts < Lasts));
    }

    [Fact]
    public void Clocks_are_set_both_ways_and_skip_forward_alone()
    {
        var faults = Enumerable.Range(1, 500).SelectMany(seed => RoundPlan.Of(seed, Lasts).Faults).ToLookup(fault => fault.Kind);

        Assert.Contains(faults[FaultKind.SetClock], fault => fault.Amount == 3600);
        Assert.Contains(faults[FaultKind.SetClock], fault => fault.Amount == -3600);
        Assert.All(faults[FaultKind.SkipTime], fault => Assert.True(fault.Amount > 0));
    }

    [Fact]
    public void A_round_can_be_made_of_some_faults_alone()
        => Assert.All(RoundPlan.Of(7, Lasts, [FaultKind.SetClock]).Faults, fault => Assert.Equal(FaultKind.SetClock, fault.Kind));

    [Fact]
    public async Task A_seed_is_left_out_once_this_tree_has_run_it_as_long()
    {
        var file = _folder.In("results");
        await new ResultsFile(file, "aaaa").AddAsync($"ok {RoundPlan.Of(3, Lasts)} | all");
        await new ResultsFile(file, "aaaa").AddAsync($"FAILED {RoundPlan.Of(13, Lasts)} | not all");

        Assert.Equal([3, 13], new ResultsFile(file, "aaaa").DoneOf(Enumerable.Range(1, 20), Lasts));
        Assert.Empty(new ResultsFile(file, "bbbb").DoneOf(Enumerable.Range(1, 20), Lasts));
        Assert.Empty(new ResultsFile(file, "aaaa").DoneOf(Enumerable.Range(1, 20), TimeSpan.FromSeconds(60)));
        Assert.Empty(new ResultsFile(path: null, "aaaa").DoneOf([3], Lasts));
    }
}
