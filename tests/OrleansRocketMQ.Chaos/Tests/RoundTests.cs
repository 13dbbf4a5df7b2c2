using OrleansRocketMQ.Chaos.Plan;
using OrleansRocketMQ.Chaos.World;
using OrleansRocketMQ.SiloHost.Support;
using OrleansRocketMQ.SiloHost.Support.Stores;
using Xunit.Abstractions;

namespace OrleansRocketMQ.Chaos.Tests;

/// <summary>The short form of chaos. The long one: <c>dotnet run -c Release --project tests/OrleansRocketMQ.Chaos -- --seeds=1..150</c>.</summary>
public sealed class RoundTests(ITestOutputHelper output)
{
    [RedisFact]
    public async Task Whatever_happens_in_a_round_nothing_is_lost_and_order_is_kept()
    {
        using var folder = new TestFolder();
        var plan = RoundPlan.Of(seed: 3, TimeSpan.FromSeconds(20));
        output.WriteLine(plan.ToString());

        var result = await new Round(plan, folder.Path, RoundSetting.Embedded).RunAsync();

        output.WriteLine(result.ToString());
        Assert.Empty(result.Complaints);
        Assert.True(result.Sent > 1000, $"Only {result.Sent} messages were sent.");
    }
}
