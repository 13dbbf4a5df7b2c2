using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Engine.Rebalance;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Infrastructure;
using OrleansRocketMQ.Tests.Management;

namespace OrleansRocketMQ.Tests.Effects;

/// <summary>A state that follows from messages is that of one cluster: who else consumes in its group is told of.</summary>
public sealed class OutsiderTests
{
    private const string Java = "127.0.0.1@java";

    private readonly LaterTime _time = new();

    [Fact]
    public async Task A_group_with_state_tells_of_a_member_that_is_no_silo_of_its_cluster_until_it_has_gone()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 2);
        await using var cluster = await rocketmq.ConsumeAtTillsAsync<Till>(new JsonStorage(), silos: 2, setUp: SetUp);
        var java = await ConsumeInJavaAsync(rocketmq, cluster);
        Assert.DoesNotContain(TillRocketMQ.Log.Lines, line => TellsOf(line, rocketmq));

        _time.IsLater = true;

        await Eventually.TrueAsync(
            () => TillRocketMQ.Log.Lines.Count(line => TellsOf(line, rocketmq)) == 2,
            () => $"each silo tells of it once; there are {string.Join(Environment.NewLine, TillRocketMQ.Log.Lines)}");
        await UntilHealthAsync(cluster, texts => texts.All(text => text.Contains($"no silos of it consume, too: {Java}", StringComparison.Ordinal)));

        await java.DisposeAsync();
        await UntilHealthAsync(cluster, texts => !texts.Any(text => text.Contains(Java, StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_group_without_state_may_have_any_members()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 2);
        await using var cluster = await rocketmq.ConsumeAsync(prepare: builder => SetUp(builder.Services));
        await using var java = await ConsumeInJavaAsync(rocketmq, cluster);
        _time.IsLater = true;

        await UntilLookedAsync(rocketmq, cluster);

        Assert.All(RuntimesOf(rocketmq, cluster), runtime => Assert.Null(runtime.Outsiders));
        await UntilHealthAsync(cluster, texts => !texts.Any(text => text.Contains(Java, StringComparison.Ordinal)));
    }

    private void SetUp(IServiceCollection services)
    {
        services.AddSingleton<TimeProvider>(_time);
        services.AddHealthChecks().AddRocketMQ();
        services.Configure<RocketMQOptions>(options => options.RebalanceInterval = TimeSpan.FromMilliseconds(100));
    }

    /// <summary>Another program is a member, and the silos know of it.</summary>
    private static async Task<RocketMQClient> ConsumeInJavaAsync(TestRocketMQ rocketmq, TestCluster cluster)
    {
        var java = PatientClients.Start(rocketmq.Embedded.NameServerAddress, Java);
        java.RegisterConsumer(
            rocketmq.MyGroup,
            () => new ConsumerData
            {
                GroupName = rocketmq.MyGroup,
                SubscriptionDataSet = [SubscriptionData.From(TestRocketMQ.Topic, MessageSelector.All, 1)],
            },
            [TestRocketMQ.Topic]);
        await UntilLookedAsync(rocketmq, cluster);
        return java;
    }

    private static Task UntilLookedAsync(TestRocketMQ rocketmq, TestCluster cluster) => Eventually.TrueAsync(
        () => RuntimesOf(rocketmq, cluster).All(runtime => runtime.View.ClientIds.Contains(Java)), "the silos know of the other member");

    private static IEnumerable<ConsumerGroupRuntime> RuntimesOf(TestRocketMQ rocketmq, TestCluster cluster) => cluster.Silos.GetActiveSilos()
        .Select(silo => cluster.Silos.GetSiloServiceProvider(silo.SiloAddress).GetRequiredService<ConsumerRegistry>().Find(rocketmq.MyGroup)!);

    private static bool TellsOf(string line, TestRocketMQ rocketmq)
        => line.Contains($"Group {rocketmq.MyGroup} keeps state in grains of this cluster, and {Java} is a member", StringComparison.Ordinal);

    private static async Task UntilHealthAsync(TestCluster cluster, Func<IReadOnlyList<string>, bool> isRight)
    {
        List<string> texts = [];
        await Eventually.TrueAsync(
            async () =>
            {
                texts = [];
                foreach (var silo in cluster.Silos.GetActiveSilos())
                {
                    var service = cluster.Silos.GetSiloServiceProvider(silo.SiloAddress).GetRequiredService<HealthCheckService>();
                    var report = await service.CheckHealthAsync(check => check.Tags.Contains(RocketMQHealthChecksBuilderExtensions.ReadyTag));
                    texts.Add(report.Entries.Values.Single().Description ?? string.Empty);
                }

                return isRight(texts);
            },
            () => $"health says what it should; it says {string.Join(" and ", texts)}");
    }

    /// <summary>The clock, which may be set ahead by as long as a member must be listed.</summary>
    private sealed class LaterTime : TimeProvider
    {
        private long _ahead;

        public bool IsLater
        {
            set => Volatile.Write(ref _ahead, value ? (long)(Outsiders.LongerThanTheDead.TotalSeconds * TimestampFrequency) : 0);
        }

        public override long GetTimestamp() => base.GetTimestamp() + Volatile.Read(ref _ahead);
    }
}
