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
        loaded.Note("a silo starts");
        await loaded.Silos.StartAdditionalSiloAsync();
        loaded.Note("it has started");
        await loaded.UntilBalancedAsync(3, Queues);
        await loaded.UntilFlowsAsync();
        loaded.Note("a silo stops");
        await loaded.Silos.StopSiloAsync(first);
        loaded.Note("it has stopped");
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

    [Theory]
    [InlineData(ConsumeMode.Concurrent)]
    [InlineData(ConsumeMode.Orderly)]
    [InlineData(ConsumeMode.KeyOrdered)]
    public async Task A_queue_an_operator_moves_and_a_silo_he_drains_lose_and_repeat_nothing(ConsumeMode mode)
    {
        await using var loaded = await LoadedCluster.StartAsync(output, silos: 3, mode);
        var management = loaded.Silos.Client.GetGrain<IConsumerGroupManagementGrain>(loaded.Group);
        var silos = loaded.Silos.Silos.Select(silo => silo.SiloAddress.ToParsableString()).ToArray();
        var moved = (await management.GetStatusAsync()).Queues.First(queue => queue.Queue.Topic == SteadyLoad.Topic && queue.Silo == silos[0]);

        await management.MoveQueueAsync(moved.Queue, silos[1]);
        await loaded.UntilFlowsAsync();
        Assert.Empty(await management.DrainSiloAsync(silos[2]));
        await loaded.UntilFlowsAsync();
        await management.ReleaseQueueAsync(moved.Queue);
        await management.RestoreSiloAsync(silos[2]);
        await loaded.UntilBalancedAsync(3, Queues);
        await loaded.UntilFlowsAsync();

        await AssertPerfectAsync(loaded, "a queue moved to and fro, a silo drained and restored");
    }

    private static async Task AssertPerfectAsync(LoadedCluster loaded, string what)
    {
        var outcome = await loaded.EndAsync(what);
        Assert.Equal(0, outcome.Lost);
        Assert.Equal(0, outcome.Duplicates);
        Assert.Equal(0, outcome.Disorder(loaded.Mode));
    }
}
