using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Orleans.Configuration;
using Orleans.Runtime;
using OrleansRocketMQ.Allocation;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Allocation;

/// <summary>Silos that are not set alike, as in a roll that changes settings.</summary>
public sealed class RollTests
{
    [Fact]
    public async Task A_roll_that_changes_the_strategy_leaves_no_queue_to_nobody_and_ends_healthy()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 8);
        string[] strategies = ["AVG", "HASH", "HASH"];
        await using var cluster = await StartAsync(rocketmq, (silo, consumer) => consumer.Configure(options => options.AllocateStrategy = strategies[silo]));
        await UntilAllRunOnceAsync(cluster, rocketmq);

        // Half way: it works, says what is amiss, and a roll may go on.
        await cluster.Silos.StartAdditionalSiloAsync();
        await UntilHealthAsync(cluster, HealthStatus.Degraded, "AVG on ", "HASH on ", "AVG is in force until all are set alike");
        await UntilAllRunOnceAsync(cluster, rocketmq);
        Assert.All(Strategies(cluster, rocketmq), strategy => Assert.Equal("AVG", strategy));

        await cluster.Silos.StopSiloAsync(cluster.Silos.Silos[0]);
        await cluster.Silos.StartAdditionalSiloAsync();

        await UntilHealthAsync(cluster, HealthStatus.Healthy);
        Assert.All(Strategies(cluster, rocketmq), strategy => Assert.Equal("HASH", strategy));
        await UntilAllRunOnceAsync(cluster, rocketmq);
        await rocketmq.SendAsync(80);
        await rocketmq.UntilCommittedAsync(80);
    }

    [Fact]
    public async Task A_strategy_that_only_one_silo_has_leaves_no_queue_to_nobody()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 8);
        await using var cluster = await StartAsync(
            rocketmq,
            (silo, consumer) => consumer.Configure(options => options.AllocateStrategy = silo == 0 ? "FIRST" : "HASH"),
            (silo, builder) =>
            {
                if (silo == 0)
                {
                    builder.AddAllocateStrategy(new First());
                }
            });
        await UntilAllRunOnceAsync(cluster, rocketmq);

        await cluster.Silos.StartAdditionalSiloAsync();

        await UntilHealthAsync(cluster, HealthStatus.Degraded, "AVG is in force until all are set alike");
        await UntilAllRunOnceAsync(cluster, rocketmq);
        Assert.All(Strategies(cluster, rocketmq), strategy => Assert.Equal("AVG", strategy));
    }

    [Fact]
    public async Task A_listener_that_takes_long_to_give_up_its_queue_does_not_hold_up_the_start_of_others()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 2);
        rocketmq.Embedded.CreateTopic("later", 2);
        var (entered, release) = (new TaskCompletionSource(), new TaskCompletionSource());
        await using var cluster = await StartAsync(
            rocketmq,
            (_, _) => { },
            (_, builder) =>
            {
                builder.Configure(options => options.ShutdownTimeout = TimeSpan.FromMinutes(5));
                builder.Services.PostConfigure<HostOptions>(options => options.ShutdownTimeout = TimeSpan.FromMinutes(10));
                builder.Services.PostConfigure<GrainCollectionOptions>(options => options.DeactivationTimeout = TimeSpan.FromMinutes(10));
            },
            async (messages, context, _) =>
            {
                entered.TrySetResult();
                await release.Task;
                rocketmq.Recorder.Record(messages, context);
                return ConsumeResult.Success;
            });
        await rocketmq.SendAsync(1);
        await entered.Task;
        var subscriptions = cluster.Consumer(rocketmq.MyGroup).Subscriptions;

        await subscriptions.UnsubscribeAsync(TestRocketMQ.Topic);
        await Eventually.TrueAsync(() => Pumps(cluster, rocketmq).Any(pump => pump.Queue.Topic == TestRocketMQ.Topic && pump.Stopping.IsCancellationRequested), "the queue is given up");
        await subscriptions.SubscribeAsync("later");

        await Eventually.TrueAsync(() => Pumps(cluster, rocketmq).Count(pump => pump is { Queue.Topic: "later", HasBegun: true }) == 2, "the other topic's queues run");
        Assert.Contains(Pumps(cluster, rocketmq), pump => pump.Queue.Topic == TestRocketMQ.Topic && !pump.IsStopped);
        release.SetResult();
        await Eventually.TrueAsync(() => Pumps(cluster, rocketmq).All(pump => pump.Queue.Topic != TestRocketMQ.Topic), "the queue has ended");
        Assert.Single(rocketmq.Recorder.Bodies);
    }

    [Fact]
    public async Task A_broadcasting_group_that_gives_up_its_last_topic_releases_its_queues()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 4);
        await using var cluster = await rocketmq.ConsumeAsync(configure: options => options.MessageModel = MessageModel.Broadcasting);
        var subscriptions = cluster.Consumer(rocketmq.MyGroup).Subscriptions;
        await Eventually.TrueAsync(() => Pumps(cluster, rocketmq).Count() == 4, "four queues run");

        await subscriptions.UnsubscribeAsync(TestRocketMQ.Topic);
        await Eventually.TrueAsync(() => !Pumps(cluster, rocketmq).Any(), "no queue runs");

        await subscriptions.SubscribeAsync(TestRocketMQ.Topic);
        await Eventually.TrueAsync(() => Pumps(cluster, rocketmq).Count(pump => pump.HasBegun) == 4, "four queues run again");
    }

    [Fact]
    public async Task Two_active_silos_of_one_name_and_a_broadcasting_group_are_told_of_by_health()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 2);
        await using var cluster = await StartAsync(
            rocketmq,
            (_, consumer) => consumer.Configure(options => options.MessageModel = MessageModel.Broadcasting),
            (_, builder) => builder.Services.PostConfigure<SiloOptions>(options => options.SiloName = "same"));
        await Eventually.TrueAsync(() => Pumps(cluster, rocketmq).Count() == 2, "two queues run");

        await cluster.Silos.StartAdditionalSiloAsync();

        await Eventually.TrueAsync(
            async () => (await HealthAsync(cluster)).All(health => health.Status != HealthStatus.Healthy
                && health.Text.Contains("has this silo's name same: one of the two gets no messages", StringComparison.Ordinal)),
            "both silos tell of it");
    }

    /// <summary>One silo; what comes is told how many came before it.</summary>
    private static async Task<TestCluster> StartAsync(TestRocketMQ rocketmq, Action<int, ConsumerBuilder> configure, Action<int, RocketMQBuilder>? setUp = null, ListenerScript? script = null)
    {
        var (consumers, silos) = (-1, -1);
        return await TestCluster.BeginAsync(
            rocketmq.Embedded.NameServerAddress,
            rocketmq.MyGroup,
            TestRocketMQ.Topic,
            script ?? rocketmq.Recorder.Succeed(),
            consumer =>
            {
                consumer.Configure(options => options.PersistInterval = TimeSpan.FromMilliseconds(20));
                configure(++consumers, consumer);
            },
            setUp: builder =>
            {
                setUp?.Invoke(++silos, builder);
                builder.Services.AddHealthChecks().AddRocketMQ();
                DeclaredListeners.HideIn(builder.Services);
            });
    }

    private static IEnumerable<ConsumerGroupRuntime> Consumers(TestCluster cluster, TestRocketMQ rocketmq) => cluster.Silos.GetActiveSilos()
        .Select(silo => cluster.Silos.GetSiloServiceProvider(silo.SiloAddress).GetRequiredService<ConsumerRegistry>().Find(rocketmq.MyGroup)).OfType<ConsumerGroupRuntime>();

    private static IEnumerable<IGroupQueue> Pumps(TestCluster cluster, TestRocketMQ rocketmq) => Consumers(cluster, rocketmq).SelectMany(consumer => consumer.Pumps.Values);

    private static IEnumerable<string?> Strategies(TestCluster cluster, TestRocketMQ rocketmq) => Consumers(cluster, rocketmq).Select(consumer => consumer.Allocation?.InForce?.Name);

    // Nine with that of the retry topic.
    private static Task UntilAllRunOnceAsync(TestCluster cluster, TestRocketMQ rocketmq) => Eventually.TrueAsync(
        () =>
        {
            var running = Pumps(cluster, rocketmq).Where(pump => pump.HasBegun && !pump.IsStopped).Select(pump => pump.Queue).ToArray();
            return running.Length == 9 && running.Distinct().Count() == 9 && Consumers(cluster, rocketmq).All(consumer => consumer.Elsewhere.Count == 0);
        },
        () => $"all nine queues run once; there are {string.Join(", ", Consumers(cluster, rocketmq).Select(consumer => $"{consumer.Pumps.Count} and {consumer.Elsewhere.Count} elsewhere"))}");

    private static async Task<IReadOnlyList<(HealthStatus Status, string Text)>> HealthAsync(TestCluster cluster)
    {
        var all = new List<(HealthStatus Status, string Text)>();
        foreach (var silo in cluster.Silos.GetActiveSilos())
        {
            var service = cluster.Silos.GetSiloServiceProvider(silo.SiloAddress).GetRequiredService<HealthCheckService>();
            var report = await service.CheckHealthAsync(check => check.Tags.Contains(RocketMQHealthChecksBuilderExtensions.ReadyTag));
            all.Add((report.Status, Assert.Single(report.Entries).Value.Description ?? string.Empty));
        }

        return all;
    }

    private static async Task UntilHealthAsync(TestCluster cluster, HealthStatus status, params string[] texts)
    {
        IReadOnlyList<(HealthStatus Status, string Text)> last = [];
        await Eventually.TrueAsync(
            async () =>
            {
                last = await HealthAsync(cluster);
                return last.Count == 2 && last.All(health => health.Status == status && texts.All(text => health.Text.Contains(text, StringComparison.Ordinal)));
            },
            () => $"{status} with '{string.Join("' and '", texts)}'; it is {string.Join(" and ", last.Select(health => $"{health.Status}: {health.Text}"))}");
    }

    private sealed class First : IAllocateStrategy
    {
        public string Name => "FIRST";

        public IReadOnlyList<MessageQueue> Allocate(string group, string clientId, IReadOnlyList<MessageQueue> queues, IReadOnlyList<string> clientIds)
            => clientIds[0] == clientId ? queues : [];
    }
}
