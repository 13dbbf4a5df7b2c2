using OrleansRocketMQ.Allocation;
using OrleansRocketMQ.Engine.Allocation;
using OrleansRocketMQ.Engine.Rebalance;

namespace OrleansRocketMQ.Engine.Tests.Rebalance;

public sealed class HandOverDecisionsTests
{
    private static readonly MessageQueue Queue = new("orders", "broker-a", 0);

    [Theory]
    [InlineData("here", "here", false, "StartsHere")]
    [InlineData("here", "here", true, "StartsHere")]
    [InlineData("here", "other", false, "StartsHere")]
    [InlineData("here", "other", true, "StartsHere")]
    [InlineData("other", "here", false, "GoesToOwner")]
    [InlineData("other", "here", true, "StillHere")]
    [InlineData("other", "other", false, "GoesToOwner")]
    [InlineData("other", "other", true, "StillHere")]
    [InlineData(null, "here", false, "Ends")]
    [InlineData(null, "here", true, "StillHere")]
    [InlineData(null, "other", false, "GoesToCaller")]
    [InlineData(null, "other", true, "StillHere")]
    public void A_queue_goes_where_it_belongs_and_one_that_runs_is_ended_by_its_own_member(
        string? owner, string caller, bool isRunning, string answer)
        => Assert.Equal(answer, $"{HandOverDecisions.AnswerTo(owner, "here", caller, isRunning)}");

    [Theory]
    [InlineData("mine@1", false, true, false)]
    [InlineData("mine@1", true, true, true)]
    [InlineData("java@1", false, false, true)]
    [InlineData("java@1", true, false, true)]
    [InlineData(null, false, false, true)]
    public void What_is_done_goes_along_within_the_cluster_and_no_checkpoint_stays_that_others_would_believe(
        string? owner, bool isOutOfReach, bool goesAlong, bool clears)
    {
        var view = owner is null ? AllocationView.Empty : AllocationView.Compute(
            "billing", new AverageAllocation(), [[Queue]], [owner], new ClusterMembers(new HashSet<string> { "mine@1" }, new HashSet<string>()));

        Assert.Equal(new Departure(goesAlong, clears), HandOverDecisions.Leave(view, Queue, isOutOfReach));
    }
}
