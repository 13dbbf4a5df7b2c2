using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Hosting;
using Orleans.Runtime;
using Orleans.TestingHost;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Management;
using OrleansRocketMQ.Queues;
using OrleansRocketMQ.Tests.Infrastructure;
using TestCluster = OrleansRocketMQ.Testing.TestCluster;

namespace OrleansRocketMQ.Tests.Management;

/// <summary>What management costs in grain calls, in a group that 50 silos run: two are real, 48 are known to its settings grain only.</summary>
public sealed class CallCountTests
{
    private const int Silos = 50;
    private const int QueuesOfEach = 40;

    [Fact]
    public async Task A_drain_that_waits_for_a_listener_asks_one_silo_and_backs_off()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 2);
        var goOn = new TaskCompletionSource();
        var calls = new CallCounter();
        await using var cluster = await StartAsync(rocketmq, calls, () => goOn.Task);
        await Eventually.TrueAsync(
            () => cluster.StatusOf(rocketmq.MyGroup) is { Count: 2 } all && all.All(silo => silo.Queues.Count(queue => queue.Queue.Topic == TestRocketMQ.Topic && queue.NextPullOffset >= 0) == 1),
            "both silos have a queue");
        var agents = await JoinAsync(rocketmq, cluster);
        await rocketmq.SendAsync(2);
        await Eventually.TrueAsync(() => cluster.StatusOf(rocketmq.MyGroup).All(silo => silo.Queues.Sum(queue => queue.InFlight) == 1), "both silos work");

        calls.Clear();
        var clock = Stopwatch.StartNew();
        var draining = rocketmq.Management(cluster).DrainSiloAsync(cluster.Silos.Silos[0].SiloAddress.ToParsableString());
        await Task.Delay(TimeSpan.FromSeconds(3));
        goOn.SetResult();
        Assert.Empty(await draining);

        // After 20, 40, 80, 160, 320 and 640 ms, then each second.
        Assert.InRange(calls.Of<IConsumerGroupOnSiloGrain>(nameof(IConsumerGroupOnSiloGrain.GetQueuesAsync)), 1, 8 + (int)clock.Elapsed.TotalSeconds);
        Assert.Equal(0, calls.Of<IGroupSettingsGrain>(nameof(IGroupSettingsGrain.DescribeAsync)));
        Assert.All(agents, agent => Assert.Equal(0, agent.Described));
        GC.KeepAlive(agents);
    }

    [Fact]
    public async Task A_status_is_one_call_for_each_silo_however_many_queues_there_are()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 40);
        var calls = new CallCounter();
        await using var cluster = await StartAsync(rocketmq, calls, () => Task.CompletedTask);
        await Eventually.TrueAsync(
            () => cluster.StatusOf(rocketmq.MyGroup) is { Count: 2 } all && all.All(silo => silo.Queues.Count(queue => queue.Queue.Topic == TestRocketMQ.Topic && queue.NextPullOffset >= 0) == 20),
            "each silo has its half");
        var management = rocketmq.Management(cluster);

        calls.Clear();
        var status = await management.GetStatusAsync();

        Assert.Equal((40, 2), (status.Queues.Count(queue => queue is { NextPullOffset: >= 0, IsMoving: false } && queue.Silo.Length > 0 && queue.Queue.Topic == TestRocketMQ.Topic), status.Silos.Count));
        Assert.Equal(1, calls.Of<IConsumerGroupOnSiloGrain>(nameof(IConsumerGroupOnSiloGrain.GetReportAsync)));
        Assert.Equal(0, calls.Of<IMessageQueueGrain>(nameof(IMessageQueueGrain.GetStatusAsync)));
        Assert.Equal(0, calls.Of<IGroupSettingsGrain>(nameof(IGroupSettingsGrain.DescribeAsync)));
    }

    [Fact]
    public async Task Queues_that_start_together_ask_for_the_settings_together()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 200);
        var calls = new CallCounter { SettingsTake = TimeSpan.FromMilliseconds(20) };
        await using var cluster = await StartAsync(rocketmq, calls, () => Task.CompletedTask);
        await Eventually.TrueAsync(
            () => cluster.StatusOf(rocketmq.MyGroup).Sum(silo => silo.Queues.Count(queue => queue.Queue.Topic == TestRocketMQ.Topic && queue.NextPullOffset >= 0)) == 200,
            "all queues run");

        // Each for itself they would ask 200 times; how many share a question depends on how fast they start.
        Assert.InRange(calls.Of<IGroupSettingsGrain>(nameof(IGroupSettingsGrain.GetAsync)), 1, 150);
    }

    [Fact]
    public async Task A_silo_that_makes_itself_known_tells_versions_and_gets_settings_only_when_they_are_others()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await StartAsync(rocketmq, new CallCounter(), () => Task.CompletedTask);
        var grains = cluster.Silos.GetSiloServiceProvider(cluster.Silos.Silos[0].SiloAddress).GetRequiredService<IGrainFactory>();
        var settings = grains.GetGrain<IGroupSettingsGrain>(rocketmq.MyGroup);
        var agent = new SimulatedAgent(SiloAddress.New(IPAddress.Loopback, 1000, 1).ToParsableString());
        var reference = grains.CreateObjectReference<IGroupAgent>(agent);
        var paused = await settings.PauseAsync(ConsumerScope.OfTopic(TestRocketMQ.Topic));

        Assert.Null(await settings.JoinWithVersionsAsync(agent.Silo, reference, paused.Version, 0));
        var told = await settings.JoinWithVersionsAsync(agent.Silo, reference, 0, 0);

        Assert.Equal(paused.Version, told!.Flow.Version);
        Assert.Equal(ConsumerScope.OfTopic(TestRocketMQ.Topic), Assert.Single(told.Flow.Paused));
        GC.KeepAlive(agent);
    }

    private static async Task<TestCluster> StartAsync(TestRocketMQ rocketmq, CallCounter calls, Func<Task> listener)
    {
        ScriptedListener.Script(rocketmq.MyGroup, async (_, _, _) =>
        {
            await listener();
            return ConsumeResult.Success;
        });
        var builder = new InProcessTestClusterBuilder(2);
        builder.ConfigureSilo((_, silo) =>
        {
            silo.AddIncomingGrainCallFilter(calls);
            silo.AddRocketMQ(added => DeclaredListeners.HideIn(added.UseNameServer(rocketmq.Embedded.NameServerAddress).Configure(options =>
            {
                options.PollNameServerInterval = TimeSpan.FromMilliseconds(500);
                options.RebalanceInterval = TimeSpan.FromSeconds(1);
            }).AddConsumer<ScriptedListener>(rocketmq.MyGroup, consumer => consumer.Subscribe(TestRocketMQ.Topic).Configure(options =>
            {
                options.ConsumeFromWhere = ConsumeFromWhere.FirstOffset;
                options.PersistInterval = TimeSpan.FromMilliseconds(20);
            })).Services));
            silo.Services.AddLogging(logging => logging.SetMinimumLevel(LogLevel.Warning));
        });
        var cluster = new TestCluster(builder.Build());
        await cluster.Silos.DeployAsync();
        return cluster;
    }

    /// <summary>Further silos make themselves known, each with its queues; the settings grain forgets them after 20 s.</summary>
    private static async Task<SimulatedAgent[]> JoinAsync(TestRocketMQ rocketmq, TestCluster cluster)
    {
        var grains = cluster.Silos.GetSiloServiceProvider(cluster.Silos.Silos[0].SiloAddress).GetRequiredService<IGrainFactory>();
        var agents = Enumerable.Range(0, Silos - 2).Select(number => new SimulatedAgent(SiloAddress.New(IPAddress.Loopback, 1000 + number, 1).ToParsableString())).ToArray();
        foreach (var agent in agents)
        {
            await grains.GetGrain<IGroupSettingsGrain>(rocketmq.MyGroup).JoinAsync(agent.Silo, grains.CreateObjectReference<IGroupAgent>(agent), known: null);
        }

        return agents;
    }

    /// <summary>Counts what the silos of a test are asked, by interface and method.</summary>
    private sealed class CallCounter : IIncomingGrainCallFilter
    {
        private readonly ConcurrentDictionary<string, int> _counts = new(StringComparer.Ordinal);

        public int Of<T>(string method) => _counts.GetValueOrDefault($"{typeof(T).Name}.{method}");

        /// <summary>How long a question for settings is under way, as it is between machines; in a process nobody else asks meanwhile.</summary>
        public TimeSpan SettingsTake { get; init; }

        public void Clear() => _counts.Clear();

        public async Task Invoke(IIncomingGrainCallContext context)
        {
            _counts.AddOrUpdate($"{context.InterfaceMethod.DeclaringType!.Name}.{context.InterfaceMethod.Name}", 1, (_, count) => count + 1);
            if (context.InterfaceMethod.Name == nameof(IGroupSettingsGrain.GetAsync) && SettingsTake > TimeSpan.Zero)
            {
                await Task.Delay(SettingsTake);
            }

            await context.Invoke();
        }
    }

    private sealed class SimulatedAgent(string silo) : IGroupAgent
    {
        private int _described;

        public string Silo => silo;

        public int Described => Volatile.Read(ref _described);

        public Task ApplyAsync(GroupSettings settings) => Task.CompletedTask;

        public Task RecoverAsync(ConsumerScope scope) => Task.CompletedTask;

        public Task<SiloReport> DescribeAsync()
        {
            Interlocked.Increment(ref _described);
            return Task.FromResult(new SiloReport(
                new SiloConsumerStatus { Silo = silo, ClientId = silo },
                new(StringComparer.Ordinal) { [TestRocketMQ.Topic] = ConsumeTotals.Sum([]) },
                [.. Enumerable.Range(0, QueuesOfEach).Select(queue => new MessageQueue(TestRocketMQ.Topic, "far", queue))]));
        }
    }
}
