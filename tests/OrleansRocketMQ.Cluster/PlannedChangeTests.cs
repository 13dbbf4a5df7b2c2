using OrleansRocketMQ.Cluster.Load;
using Xunit.Abstractions;

namespace OrleansRocketMQ.Cluster;

/// <summary>Changes an operator makes on purpose, under load: no message is lost, none comes twice, and order is kept.</summary>
public sealed class PlannedChangeTests(ITestOutputHelper output)
{
    private const int Queues = 16;

    [Fact]
    public async Task Silos_that_join_take_their_share_without_loss_or_duplicate()
    {
        await using var loaded = await LoadedCluster.StartAsync(output, silos: 1);

        await loaded.Silos.StartAdditionalSiloAsync();
        await loaded.UntilBalancedAsync(2, Queues);
        await loaded.UntilFlowsAsync();
        await Task.WhenAll(loaded.Silos.StartAdditionalSiloAsync(), loaded.Silos.StartAdditionalSiloAsync());
        await loaded.UntilBalancedAsync(4, Queues);
        await loaded.UntilFlowsAsync();

        await AssertPerfectAsync(loaded, "silos join, 1 to 2 to 4");
    }

    [Fact]
    public async Task Silos_that_stop_hand_their_queues_over_without_loss_or_duplicate()
    {
        await using var loaded = await LoadedCluster.StartAsync(output, silos: 4);

        for (var left = 3; left >= 1; left--)
        {
            await loaded.Silos.StopSiloAsync(loaded.Silos.Silos[left]);
            await loaded.UntilBalancedAsync(left, Queues);
            await loaded.UntilFlowsAsync();
        }

        await AssertPerfectAsync(loaded, "silos stop one after the other, 4 to 1");
    }

    [Theory]
    [InlineData(ConsumeMode.Orderly)]
    [InlineData(ConsumeMode.KeyOrdered)]
    public async Task What_is_consumed_in_order_keeps_it_while_silos_join_and_stop(ConsumeMode mode)
    {
        await using var loaded = await LoadedCluster.StartAsync(output, silos: 2, mode);

        var first = loaded.Silos.Silos[0];
        await loaded.Silos.StartAdditionalSiloAsync();
        await loaded.UntilBalancedAsync(3, Queues);
        await loaded.UntilFlowsAsync();
        await loaded.Silos.StopSiloAsync(first);
        await loaded.UntilBalancedAsync(2, Queues);
        await loaded.UntilFlowsAsync();

        await AssertPerfectAsync(loaded, "a silo joins and another stops");
    }

    [Theory]
    [InlineData(ConsumeMode.Concurrent)]
    [InlineData(ConsumeMode.Orderly)]
    [InlineData(ConsumeMode.KeyOrdered)]
    public async Task A_rolling_restart_of_all_silos_loses_and_repeats_nothing(ConsumeMode mode)
    {
        await using var loaded = await LoadedCluster.StartAsync(output, silos: 3, mode);

        foreach (var silo in loaded.Silos.Silos.ToArray())
        {
            await loaded.Silos.StopSiloAsync(silo);
            await loaded.Silos.StartAdditionalSiloAsync();
            await loaded.UntilBalancedAsync(3, Queues);
            await loaded.UntilFlowsAsync();
        }

        await AssertPerfectAsync(loaded, "rolling restart of 3 silos");
    }

    private static async Task AssertPerfectAsync(LoadedCluster loaded, string what)
    {
        var outcome = await loaded.EndAsync(what);
        Assert.Equal(0, outcome.Lost);

        // A call of a key's grain on a silo that stops may still come again: its answer can be lost with the silo.
        if (loaded.Mode != ConsumeMode.KeyOrdered)
        {
            Assert.Equal(0, outcome.Duplicates);
        }

        Assert.Equal(0, outcome.Disorder(loaded.Mode));
    }
}
