using OrleansRocketMQ.Engine.Simulation.Runner;
using OrleansRocketMQ.Engine.Simulation.World;
using Xunit;

namespace OrleansRocketMQ.Engine.Simulation.Tests;

/// <summary>The directory of runs in which messages are popped does what a silo's does.</summary>
public sealed class PopDirectoryTests
{
    // In which a member called the grain of a queue that was about to move back, just where it had come to.
    private const int CallsEarly = 6414;

    [Fact]
    public void No_call_reaches_a_queue_that_moves_before_it_has_arrived()
        => Assert.Null(SimulationRun.Execute(Setup.Of(CallsEarly)).Failure);
}
