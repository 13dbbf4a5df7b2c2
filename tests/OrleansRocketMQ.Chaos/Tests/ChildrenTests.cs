using OrleansRocketMQ.Chaos.World;
using OrleansRocketMQ.SiloHost.Support;

namespace OrleansRocketMQ.Chaos.Tests;

/// <summary>No process of a round outlives the runner.</summary>
public sealed class ChildrenTests
{
    [Fact]
    public async Task Those_that_were_started_here_are_known_until_they_end()
    {
        await using var child = RunningProgram.StartCommand(["sleep", "1000"]);
        Assert.Contains(child.Id, Children.Ids());

        await child.KillAsync();
        Assert.DoesNotContain(child.Id, Children.Ids());
    }
}
