using OrleansRocketMQ.Cluster.Load;
using Xunit.Abstractions;

namespace OrleansRocketMQ.Cluster;

/// <summary>Changes an operator makes on purpose, under load: no message is lost, and none comes twice.</summary>
public sealed class PlannedChangeTests(ITestOutputHelper output)
{
    private const int Queues = 16;

    [Fact]
    public async Task Silos_that_join_take_their_share_without_loss_or_duplicate()
    {
        await using var loaded = await LoadedCluster.StartAsync<LoggingListener>(output, silos: 1);

        await loaded.Silos.StartAdditionalSiloAsync();
        await loaded.UntilBalancedAsync(2, Queues);
        await loaded.UntilFlowsAsync();
        await Task.WhenAll(loaded.Silos.StartAdditionalSiloAsync(), loaded.Silos.StartAdditionalSiloAsync());
        await loaded.UntilBalancedAsync(4, Queues);
        await loaded.UntilFlowsAsync();

        AssertPerfect(await loaded.EndAsync("silos 1, 2, 4"));
    }

    [Fact]
    public async Task Silos_that_stop_hand_their_queues_over_without_loss_or_duplicate()
    {
        await using var loaded = await LoadedCluster.StartAsync<LoggingListener>(output, silos: 4);

        for (var left = 3; left >= 1; left--)
        {
            await loaded.Silos.StopSiloAsync(loaded.Silos.Silos[left]);
            await loaded.UntilBalancedAsync(left, Queues);
            await loaded.UntilFlowsAsync();
        }

        AssertPerfect(await loaded.EndAsync("silos 4 to 1"));
    }

    [Fact]
    public async Task A_rolling_restart_of_all_silos_loses_and_repeats_nothing()
    {
        await using var loaded = await LoadedCluster.StartAsync<LoggingListener>(output, silos: 3);

        foreach (var silo in loaded.Silos.Silos.ToArray())
        {
            await loaded.Silos.StopSiloAsync(silo);
            await loaded.Silos.StartAdditionalSiloAsync();
            await loaded.UntilBalancedAsync(3, Queues);
            await loaded.UntilFlowsAsync();
        }

        AssertPerfect(await loaded.EndAsync("rolling restart of 3"));
    }

    [Fact]
    public async Task Queues_consumed_in_order_keep_it_while_silos_join_and_stop()
    {
        await using var loaded = await LoadedCluster.StartAsync<OrderlyLoggingListener>(output, silos: 2);

        await JoinAndStopAsync(loaded);

        var outcome = await loaded.EndAsync("orderly, a silo joined and another stopped");
        AssertPerfect(outcome);
        Assert.Equal(0, outcome.QueueDisorder);
    }

    [Fact]
    public async Task Keys_consumed_in_order_keep_it_while_silos_join_and_stop()
    {
        await using var loaded = await LoadedCluster.StartAsync<KeyedLoggingListener>(output, silos: 2);

        await JoinAndStopAsync(loaded);

        var outcome = await loaded.EndAsync("key-ordered, a silo joined and another stopped");
        AssertPerfect(outcome);
        Assert.Equal(0, outcome.KeyDisorder);
    }

    private static async Task JoinAndStopAsync(LoadedCluster loaded)
    {
        var first = loaded.Silos.Silos[0];
        await loaded.Silos.StartAdditionalSiloAsync();
        await loaded.UntilBalancedAsync(3, Queues);
        await loaded.UntilFlowsAsync();
        await loaded.Silos.StopSiloAsync(first);
        await loaded.UntilBalancedAsync(2, Queues);
        await loaded.UntilFlowsAsync();
    }

    private static void AssertPerfect(Outcome outcome)
    {
        Assert.Equal(0, outcome.Lost);
        Assert.Equal(0, outcome.Duplicates);
    }
}
