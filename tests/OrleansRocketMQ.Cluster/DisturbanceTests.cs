using OrleansRocketMQ.Cluster.Load;
using OrleansRocketMQ.Embedded;
using Xunit.Abstractions;

namespace OrleansRocketMQ.Cluster;

/// <summary>What happens around a cluster while it consumes: nothing of it costs a message, and no silo gives up.</summary>
public sealed class DisturbanceTests(ITestOutputHelper output)
{
    private const int Queues = 16;

    [Fact]
    public async Task A_broker_that_restarts_is_consumed_on_from_where_it_was()
    {
        await using var loaded = await LoadedCluster.StartAsync<LoggingListener>(output, silos: 2);

        await loaded.RocketMQ.Broker.RestartAsync();
        await loaded.UntilFlowsAsync();
        await loaded.UntilBalancedAsync(2, Queues);

        AssertPerfect(await loaded.EndAsync("broker restarted"));
    }

    [Fact]
    public async Task One_of_two_brokers_may_go_and_come_back_while_the_other_is_consumed()
    {
        await using var loaded = await LoadedCluster.StartAsync<LoggingListener>(output, silos: 2, brokers: 2);
        var broker = loaded.RocketMQ.Brokers[1];

        await broker.StopAsync();
        await loaded.UntilFlowsAsync();
        await broker.StartAsync();
        await loaded.UntilBalancedAsync(2, Queues);
        await loaded.UntilFlowsAsync();

        AssertPerfect(await loaded.EndAsync("one of two brokers away"));
    }

    [Fact]
    public async Task Without_a_name_server_everything_goes_on()
    {
        await using var loaded = await LoadedCluster.StartAsync<LoggingListener>(output, silos: 2);

        await loaded.RocketMQ.NameServer.StopAsync();
        for (var seconds = 0; seconds < 10; seconds++)
        {
            await loaded.UntilFlowsAsync();
        }

        loaded.RocketMQ.NameServer.Start();
        await loaded.UntilFlowsAsync();

        AssertPerfect(await loaded.EndAsync("name server away for 10 s of load"));
    }

    [Fact]
    public async Task Connections_that_are_cut_for_a_while_cost_nothing_but_time()
    {
        await using var loaded = await LoadedCluster.StartAsync<LoggingListener>(output, silos: 2);

        using (loaded.RocketMQ.Faults.Inject(Fault.RefuseConnections()))
        {
            loaded.RocketMQ.Broker.CloseConnections();
            loaded.RocketMQ.NameServer.CloseConnections();
            await Task.Delay(CutTime);
        }

        await loaded.UntilFlowsAsync();
        await loaded.UntilBalancedAsync(2, Queues);

        AssertPerfect(await loaded.EndAsync("all connections cut"));
    }

    [Fact]
    public async Task A_topic_that_grows_is_shared_out_anew()
    {
        await using var loaded = await LoadedCluster.StartAsync<LoggingListener>(output, silos: 2, queues: 4);

        loaded.RocketMQ.CreateTopic(SteadyLoad.Topic, Queues);
        await loaded.UntilBalancedAsync(2, Queues);
        await loaded.UntilFlowsAsync();

        AssertPerfect(await loaded.EndAsync("topic grown from 4 to 16 queues"));
    }

    [Fact]
    public async Task A_member_in_another_language_gets_its_share_and_gives_it_back()
    {
        await using var loaded = await LoadedCluster.StartAsync<LoggingListener>(output, silos: 3);

        await using (var foreign = new ForeignMember(loaded.RocketMQ, loaded.Group))
        {
            await loaded.UntilBalancedAsync(3, 12);
            await Eventually.TrueAsync(() => foreign.Consumed >= LoadedCluster.MessagesPerSecond / 2, "the other member consumes");
        }

        await loaded.UntilBalancedAsync(3, Queues);
        await loaded.UntilFlowsAsync();

        // Whether the other member begins before a silo has committed is the other's affair: as with Java, some may come twice.
        Assert.Equal(0, (await loaded.EndAsync("a foreign member joined and left")).Lost);
    }

    // How long the connections stay cut is what is tested; nothing is waited for.
    private static readonly TimeSpan CutTime = TimeSpan.FromSeconds(10);

    private static void AssertPerfect(Outcome outcome)
    {
        Assert.Equal(0, outcome.Lost);
        Assert.Equal(0, outcome.Duplicates);
    }
}
