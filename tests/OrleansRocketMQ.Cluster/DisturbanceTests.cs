using Microsoft.Extensions.DependencyInjection;
using OrleansRocketMQ.Cluster.Load;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Management;
using OrleansRocketMQ.Protocol;
using Xunit.Abstractions;

namespace OrleansRocketMQ.Cluster;

/// <summary>What happens around a cluster while it consumes: nothing of it costs a message, and no silo gives up.</summary>
public sealed class DisturbanceTests(ITestOutputHelper output)
{
    private const int Queues = 16;

    [Theory]
    [InlineData(ConsumeMode.Concurrent)]
    [InlineData(ConsumeMode.Orderly)]
    [InlineData(ConsumeMode.KeyOrdered)]
    public async Task A_broker_that_restarts_is_consumed_on_from_where_it_was(ConsumeMode mode)
    {
        await using var loaded = await LoadedCluster.StartAsync(output, silos: 2, mode);

        await loaded.RocketMQ.Broker.RestartAsync();
        await loaded.UntilFlowsAsync();
        await loaded.UntilBalancedAsync(2, Queues);

        await AssertPerfectAsync(loaded, "broker restarted");
    }

    [Fact]
    public async Task One_of_two_brokers_may_go_and_come_back_while_the_other_is_consumed()
    {
        await using var loaded = await LoadedCluster.StartAsync(output, silos: 2, brokers: 2);
        var broker = loaded.RocketMQ.Brokers[1];

        await broker.StopAsync();
        await loaded.UntilFlowsAsync();
        await broker.StartAsync();
        await loaded.UntilBalancedAsync(2, Queues);
        await loaded.UntilFlowsAsync();

        await AssertPerfectAsync(loaded, "one of two brokers away and back");
    }

    [Theory]
    [InlineData(ConsumeMode.Concurrent)]
    [InlineData(ConsumeMode.KeyOrdered)]
    public async Task While_a_master_is_away_what_it_has_is_consumed_from_its_slave(ConsumeMode mode)
    {
        await using var loaded = await LoadedCluster.StartAsync(
            output, silos: 2, mode, brokers: 2, options: new EmbeddedRocketMQOptions { Slaves = 1, SlaveReadEnable = true });
        var master = loaded.RocketMQ.Brokers[1];

        // A pause first, so that there is something left to read when the master goes.
        ForEachSilo(loaded, control => control.Pause(loaded.Group, ConsumerScope.Everything));
        var stored = StoredBy(master);
        await Eventually.TrueAsync(() => StoredBy(master) > stored + LoadedCluster.MessagesPerSecond, "another second's worth of messages is stored");
        await master.StopAsync();
        ForEachSilo(loaded, control => control.Resume(loaded.Group, ConsumerScope.Everything));
        await Eventually.TrueAsync(
            () => loaded.Log.CountOf(master) == StoredBy(master), () => $"all {StoredBy(master)} messages of the master that is away come; {loaded.Log.CountOf(master)} have");
        Assert.True(loaded.RocketMQ.Faults.RequestsSeen(RequestCodes.PullMessage, $"{master.Name} (slave 1)") > 0);
        await loaded.UntilFlowsAsync();
        await master.StartAsync();
        await loaded.UntilBalancedAsync(2, Queues);
        await loaded.UntilFlowsAsync();

        await AssertPerfectAsync(loaded, "a master away, its slave read after a pause of the group");
    }

    [Fact]
    public async Task Without_a_name_server_everything_goes_on()
    {
        await using var loaded = await LoadedCluster.StartAsync(output, silos: 2);

        await loaded.RocketMQ.NameServer.StopAsync();
        var gone = TimeProvider.System.GetTimestamp();
        while (TimeProvider.System.GetElapsedTime(gone) < Extent.WithoutNameServer)
        {
            await loaded.UntilFlowsAsync();
        }

        loaded.RocketMQ.NameServer.Start();
        await loaded.UntilFlowsAsync();

        await AssertPerfectAsync(loaded, $"name server away for {Extent.WithoutNameServer.TotalSeconds:F0} s");
    }

    [Theory]
    [InlineData(ConsumeMode.Concurrent)]
    [InlineData(ConsumeMode.Orderly)]
    [InlineData(ConsumeMode.KeyOrdered)]
    public async Task Connections_that_are_cut_for_a_while_cost_nothing_but_time(ConsumeMode mode)
    {
        await using var loaded = await LoadedCluster.StartAsync(output, silos: 2, mode);

        using (loaded.RocketMQ.Faults.Inject(Fault.RefuseConnections()))
        {
            loaded.RocketMQ.Broker.CloseConnections();
            loaded.RocketMQ.NameServer.CloseConnections();

            // How long they stay cut is what is tested; nothing is waited for.
            await Task.Delay(Extent.Cut);
        }

        await loaded.UntilFlowsAsync();
        await loaded.UntilBalancedAsync(2, Queues);

        await AssertPerfectAsync(loaded, $"all connections cut for {Extent.Cut.TotalSeconds:F0} s");
    }

    [Fact]
    public async Task A_topic_that_grows_is_shared_out_anew()
    {
        await using var loaded = await LoadedCluster.StartAsync(output, silos: 2, queues: 4);

        loaded.RocketMQ.CreateTopic(SteadyLoad.Topic, Queues);
        await loaded.UntilBalancedAsync(2, Queues);
        await loaded.UntilFlowsAsync();

        await AssertPerfectAsync(loaded, "topic grown from 4 to 16 queues");
    }

    [Theory]
    [InlineData(ConsumeMode.Concurrent)]
    [InlineData(ConsumeMode.Orderly)]
    [InlineData(ConsumeMode.KeyOrdered)]
    public async Task A_member_in_another_language_gets_its_share_and_gives_it_back(ConsumeMode mode)
    {
        await using var loaded = await LoadedCluster.StartAsync(output, silos: 3, mode);

        await using (var foreign = new ForeignMember(loaded.RocketMQ, loaded.Group, locks: mode == ConsumeMode.Orderly))
        {
            await loaded.UntilBalancedAsync(3, 12);
            await Eventually.TrueAsync(() => foreign.Consumed >= LoadedCluster.MessagesPerSecond / 2, "the other member consumes");
        }

        await loaded.UntilBalancedAsync(3, Queues);
        await loaded.UntilFlowsAsync();

        // Whether the other member begins before a silo has committed is the other's affair: as with Java, some may come twice.
        var outcome = await loaded.EndAsync("a member in another language joins and leaves");
        Assert.Equal(0, outcome.Lost);
        Assert.Equal(0, outcome.Disorder(mode));
    }

    private static void ForEachSilo(LoadedCluster loaded, Action<IRocketMQSiloControl> act)
    {
        foreach (var silo in loaded.Silos.GetActiveSilos())
        {
            act(loaded.Silos.GetSiloServiceProvider(silo.SiloAddress).GetRequiredService<IRocketMQSiloControl>());
        }
    }

    private static long StoredBy(EmbeddedBroker broker)
        => Enumerable.Range(0, broker.QueueCount(SteadyLoad.Topic)).Sum(queue => broker.MaxOffset(SteadyLoad.Topic, queue));

    private static async Task AssertPerfectAsync(LoadedCluster loaded, string what)
    {
        var outcome = await loaded.EndAsync(what);
        Assert.Equal(0, outcome.Lost);
        Assert.Equal(0, outcome.Duplicates);
        Assert.Equal(0, outcome.Disorder(loaded.Mode));
    }
}
