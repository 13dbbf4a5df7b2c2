using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans.Hosting;
using Orleans.TestingHost;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Statistics;

namespace OrleansRocketMQ.Testing;

/// <summary>Real silos in this process that consume from a name server over TCP.</summary>
internal sealed class TestCluster(InProcessTestCluster cluster) : IAsyncDisposable
{
    public InProcessTestCluster Silos => cluster;

    public static async Task<TestCluster> StartAsync(
        string nameServer, Action<RocketMQBuilder> configure, short silos = 1, ILoggerProvider? log = null)
    {
        var builder = new InProcessTestClusterBuilder(silos);
        builder.ConfigureSilo((_, silo) =>
        {
            silo.AddRocketMQ(rocketmq =>
            {
                rocketmq.UseNameServer(nameServer).Configure(options =>
                {
                    options.PollNameServerInterval = TimeSpan.FromMilliseconds(500);
                    options.RebalanceInterval = TimeSpan.FromSeconds(1);
                });
                configure(rocketmq);
            });
            silo.Services.AddLogging(logging =>
            {
                logging.SetMinimumLevel(LogLevel.Warning);
                if (log is not null)
                {
                    logging.AddProvider(log);
                }
            });
        });
        var cluster = new TestCluster(builder.Build());
        await cluster.Silos.DeployAsync();
        return cluster;
    }

    /// <summary>One silo with one group whose listener does what the script says; ready when this returns.</summary>
    public static async Task<TestCluster> ConsumeAsync(
        string nameServer, string group, string topic, ListenerScript script, Action<ConsumerBuilder>? configure = null, short silos = 1, Action<RocketMQBuilder>? setUp = null)
    {
        var cluster = await BeginAsync(nameServer, group, topic, script, configure, silos, setUp);
        await cluster.UntilReadyAsync(group);
        return cluster;
    }

    /// <summary>As <see cref="ConsumeAsync"/>, but returns before the group is ready: it may never be.</summary>
    public static Task<TestCluster> BeginAsync(
        string nameServer, string group, string topic, ListenerScript script, Action<ConsumerBuilder>? configure = null, short silos = 1, Action<RocketMQBuilder>? setUp = null)
    {
        ScriptedListener.Script(group, script);
        return StartAsync(
            nameServer,
            rocketmq =>
            {
                setUp?.Invoke(rocketmq);
                rocketmq.AddConsumer<ScriptedListener>(group, consumer =>
                {
                    consumer.Configure(options => options.ConsumeFromWhere = ConsumeFromWhere.FirstOffset);
                    configure?.Invoke(consumer);
                    if (!consumer.Options.Subscriptions.ContainsKey(topic))
                    {
                        consumer.Subscribe(topic);
                    }
                });
            },
            silos);
    }

    /// <summary>The group on each silo that runs.</summary>
    public IReadOnlyList<SiloGroupStatus> StatusOf(string group) =>
    [
        .. cluster.GetActiveSilos().Select(silo => cluster.GetSiloServiceProvider(silo.SiloAddress)
            .GetService<IRocketMQSiloStatus>()?.Groups.FirstOrDefault(status => status.Group == group))
            .OfType<SiloGroupStatus>(),
    ];

    /// <summary>The group's consumer on a silo.</summary>
    public IRocketMQConsumer Consumer(string group, int silo = 0)
        => cluster.GetSiloServiceProvider(cluster.Silos[silo].SiloAddress).GetRequiredService<IRocketMQConsumers>().Get(group);

    public Task UntilReadyAsync(string group) => Eventually.TrueAsync(
        () => StatusOf(group) is { Count: > 0 } all && all.All(status => status.IsReady) && !IsStarting(group),
        () => $"group {group} is ready: {string.Join("; ", StatusOf(group))}");

    // A silo that still warms up tells nothing of the group.
    private bool IsStarting(string group) => cluster.GetActiveSilos().Any(silo => cluster.GetSiloServiceProvider(silo.SiloAddress)
        .GetService<IRocketMQConsumers>()?.Find(group)?.State == ConsumerState.Starting);

    public async ValueTask DisposeAsync()
    {
        await cluster.StopAllSilosAsync();
        await cluster.DisposeAsync();
    }
}
