using System.Collections.Immutable;
using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using Orleans.Runtime;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Fencing;
using OrleansRocketMQ.Health;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Health;

/// <summary>What a probe of a host is told about its consumers, and in which words.</summary>
public sealed class HealthCheckTests
{
    [Fact]
    public async Task A_silo_whose_queues_run_is_healthy()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 4);
        await using var cluster = await StartAsync(rocketmq);

        await UntilAsync(cluster, HealthStatus.Healthy, "5 queues run here");

        Assert.Equal(HealthStatus.Healthy, (await AskAsync(cluster, RocketMQHealthChecksBuilderExtensions.LiveTag)).Status);
    }

    [Fact]
    public async Task A_broker_that_is_away_makes_it_degraded_with_the_queues_that_wait_for_it_until_it_is_back()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 4);
        var second = await rocketmq.Embedded.AddBrokerAsync("broker-b");
        second.CreateTopic(TestRocketMQ.Topic, 2);
        await using var cluster = await StartAsync(rocketmq);
        await UntilAsync(cluster, HealthStatus.Healthy, "queues run here");

        await second.StopAsync(unregister: false);

        await UntilAsync(cluster, HealthStatus.Degraded, $"broker broker-b at {second.Address} has not answered for ", $"queues of group {rocketmq.MyGroup} wait for it: ");
        Assert.Equal(HealthStatus.Healthy, (await AskAsync(cluster, RocketMQHealthChecksBuilderExtensions.LiveTag)).Status);
        await second.StartAsync();
        await UntilAsync(cluster, HealthStatus.Healthy, "queues run here");
    }

    [Fact]
    public async Task Without_a_name_server_at_the_start_it_is_not_ready_until_there_is_one()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await rocketmq.Embedded.NameServer.StopAsync();
        await using var cluster = await StartAsync(rocketmq);

        await UntilAsync(cluster, HealthStatus.Unhealthy, $"group {rocketmq.MyGroup} has no part of its queues yet", $"name server {rocketmq.Embedded.NameServerAddress} has not answered for ");
        rocketmq.Embedded.NameServer.Start();

        await UntilAsync(cluster, HealthStatus.Healthy, "5 queues run here");
    }

    [Fact]
    public async Task A_name_server_that_goes_away_later_makes_it_degraded_since_consumption_goes_on()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await using var cluster = await StartAsync(rocketmq);
        await UntilAsync(cluster, HealthStatus.Healthy, "queues run here");

        await rocketmq.Embedded.NameServer.StopAsync();

        await UntilAsync(cluster, HealthStatus.Degraded, $"name server {rocketmq.Embedded.NameServerAddress} has not answered for ");
    }

    [Fact]
    public async Task A_topic_that_does_not_exist_makes_it_degraded_while_another_is_consumed()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await using var cluster = await StartAsync(rocketmq, consumer => consumer.Subscribe("not_there"));

        await UntilAsync(cluster, HealthStatus.Degraded, $"topic not_there of group {rocketmq.MyGroup} has no queues");
    }

    [Fact]
    public async Task A_topic_that_is_deleted_while_it_is_consumed_makes_it_degraded()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await using var cluster = await StartAsync(rocketmq);
        await UntilAsync(cluster, HealthStatus.Healthy, "queues run here");

        rocketmq.Broker.DeleteTopic(TestRocketMQ.Topic);

        await UntilAsync(cluster, HealthStatus.Degraded, $"no name server knows topic {TestRocketMQ.Topic} of group {rocketmq.MyGroup} any more");
    }

    [Fact]
    public async Task A_queue_that_stands_still_is_told_with_its_error()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await StartAsync(rocketmq, consumer => consumer.Configure(options =>
        {
            options.AutoRecovery = false;
            options.MaxRetryTimes = 2;
            options.RetryInterval = TimeSpan.FromMilliseconds(50);
        }));
        await UntilAsync(cluster, HealthStatus.Healthy, "queues run here");

        await rocketmq.Broker.StopAsync(unregister: false);

        await UntilAsync(cluster, HealthStatus.Degraded, $"of group {rocketmq.MyGroup} stands still until it is resumed: ");
    }

    [Fact]
    public async Task A_consumer_somebody_has_stopped_is_no_fault()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await using var cluster = await StartAsync(rocketmq);
        await UntilAsync(cluster, HealthStatus.Healthy, "5 queues run here");

        await cluster.Consumer(rocketmq.MyGroup).StopAsync();

        await UntilAsync(cluster, HealthStatus.Healthy, "0 queues run here");
    }

    [Theory]
    [InlineData(SiloStatus.Active, HealthStatus.Healthy)]
    [InlineData(SiloStatus.ShuttingDown, HealthStatus.Healthy)]
    [InlineData(SiloStatus.Dead, HealthStatus.Unhealthy)]
    public async Task Only_a_silo_its_cluster_has_declared_dead_must_be_started_anew(SiloStatus status, HealthStatus expected)
    {
        var silo = new Silo();
        var membership = new Membership(silo, status);
        await using var fence = new MembershipFence(
            membership, silo, Options.Create(new RocketMQOptions()), Options.Create(new ClusterMembershipOptions()), TimeProvider.System, NullLogger<MembershipFence>.Instance);
        var check = new LivenessCheck(membership, silo, fence);

        var result = await check.CheckHealthAsync(new HealthCheckContext { Registration = new("live", check, HealthStatus.Unhealthy, tags: null) });

        Assert.Equal(expected, result.Status);
    }

    private static Task<TestCluster> StartAsync(TestRocketMQ rocketmq, Action<ConsumerBuilder>? configure = null) => TestCluster.BeginAsync(
        rocketmq.Embedded.NameServerAddress,
        rocketmq.MyGroup,
        TestRocketMQ.Topic,
        rocketmq.Recorder.Succeed(),
        consumer =>
        {
            consumer.Configure(options => options.PullSuspendTimeout = TimeSpan.FromSeconds(1));
            configure?.Invoke(consumer);
        },
        setUp: builder =>
        {
            builder.Configure(options =>
            {
                options.HeartbeatInterval = TimeSpan.FromMilliseconds(500);
                options.RequestTimeout = TimeSpan.FromSeconds(1);
            });
            builder.Services.AddHealthChecks().AddRocketMQ();
            DeclaredListeners.HideIn(builder.Services);
        });

    private static async Task<(HealthStatus Status, string Text)> AskAsync(TestCluster cluster, string tag)
    {
        var service = cluster.Silos.GetSiloServiceProvider(cluster.Silos.Silos[0].SiloAddress).GetRequiredService<HealthCheckService>();
        var report = await service.CheckHealthAsync(check => check.Tags.Contains(tag));
        return (report.Status, Assert.Single(report.Entries).Value.Description ?? string.Empty);
    }

    private static async Task UntilAsync(TestCluster cluster, HealthStatus status, params string[] texts)
    {
        (HealthStatus Status, string Text) last = default;
        await Eventually.TrueAsync(
            async () =>
            {
                last = await AskAsync(cluster, RocketMQHealthChecksBuilderExtensions.ReadyTag);
                return last.Status == status && texts.All(text => last.Text.Contains(text, StringComparison.Ordinal));
            },
            () => $"{status} with '{string.Join("' and '", texts)}'; it is {last.Status}: {last.Text}");
    }

    private sealed class Silo : ILocalSiloDetails
    {
        public string Name => "silo";

        public string ClusterId => "cluster";

        public string DnsHostName => "localhost";

        public SiloAddress SiloAddress { get; } = SiloAddress.New(IPAddress.Loopback, 11111, 1);

        public SiloAddress GatewayAddress => SiloAddress;
    }

    private sealed class Membership(Silo silo, SiloStatus status) : IClusterMembershipService
    {
        public ClusterMembershipSnapshot CurrentSnapshot { get; } = new(
            ImmutableDictionary<SiloAddress, ClusterMember>.Empty.Add(silo.SiloAddress, new ClusterMember(silo.SiloAddress, status, silo.Name)), new MembershipVersion(1));

        public IAsyncEnumerable<ClusterMembershipSnapshot> MembershipUpdates => throw new NotSupportedException();

        public ValueTask Refresh(MembershipVersion minimumVersion = default, CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public Task<bool> TryKill(SiloAddress siloAddress) => throw new NotSupportedException();
    }
}
