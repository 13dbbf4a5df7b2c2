using OrleansRocketMQ.Engine.Simulation.Runner;
using OrleansRocketMQ.Engine.Simulation.World;
using Xunit;

namespace OrleansRocketMQ.Engine.Simulation.Tests;

/// <summary>What lasts for a whole run holds up only what it must.</summary>
public sealed class LastingFaultTests
{
    private static readonly TimeSpan Whole = Setup.Active;

    [Fact]
    public void A_refused_store_holds_up_the_commits_of_its_own_queue_only()
        => Holds(new Fault(FaultKind.StoreRefused, TimeSpan.FromSeconds(1), Whole, 0, 0));

    [Fact]
    public void A_silent_broker_holds_up_the_refused_pulls_of_its_own_queues_only()
        => Holds(
            new Fault(FaultKind.BrokerSilent, TimeSpan.FromSeconds(1), Whole, 2, 0),
            new Fault(FaultKind.PullForgotten, TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(8), 0, 0),
            new Fault(FaultKind.PullForgotten, TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(8), 1, 0));

    [Fact]
    public void A_listener_that_is_gone_for_long_takes_no_messages_from_the_others()
        => Holds([.. Enumerable.Range(0, 2).Select(slot => new Fault(FaultKind.ListenerGone, TimeSpan.FromSeconds(1), Whole, slot, 0))]);

    private static void Holds(params Fault[] faults)
        => Assert.All(Enumerable.Range(1, 6), seed => Assert.Null(SimulationRun.Execute(Setup.OfPulls(seed) with { Faults = faults }).Failure));
}
