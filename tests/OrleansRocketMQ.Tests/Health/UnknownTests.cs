using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Statistics;
using OrleansRocketMQ.Telemetry;
using OrleansRocketMQ.Tests.Infrastructure;
using OrleansRocketMQ.Tests.Telemetry;

namespace OrleansRocketMQ.Tests.Health;

/// <summary>What is not known is told as unknown: never as none, nor as healthy.</summary>
public sealed class UnknownTests
{
    [Fact]
    public async Task The_lag_of_a_broker_that_answers_no_pull_is_unknown_and_the_silo_is_neither_ready_nor_healthy()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 2);
        await using var cluster = await StartAsync(rocketmq);
        await Eventually.TrueAsync(() => Of(cluster, rocketmq) is { IsReady: true, Lag: 0 }, () => $"ready and nothing to do; it is {Of(cluster, rocketmq)}");
        using var probe = MetricsProbe.On(cluster);
        Assert.Equal(3, probe.Of(RocketMQMetrics.Lag).Count);

        using var silent = rocketmq.Faults.Inject(Fault.NoAnswer() with { RequestCode = RequestCodes.PullMessage });
        await rocketmq.SendAsync(4);

        await Eventually.TrueAsync(
            () => Of(cluster, rocketmq) is { IsReady: false, Lag: null } group && group.Queues.All(queue => queue is { Lag: null, MaxOffset: -1, LastError.Length: > 0 }),
            () => $"not ready, and the lag is not known; it is {Of(cluster, rocketmq)}");
        Assert.Empty(probe.Of(RocketMQMetrics.Lag));
        var (status, text) = await HealthAsync(cluster);
        Assert.Equal(HealthStatus.Degraded, status);
        Assert.Contains("has not answered", text, StringComparison.Ordinal);
        var group = await cluster.Silos.Client.GetGrain<IConsumerGroupManagementGrain>(rocketmq.MyGroup).GetStatusAsync();
        Assert.Null(group.Lag);

        rocketmq.Faults.Clear();
        await rocketmq.UntilCommittedAsync(4);
        await Eventually.TrueAsync(() => Of(cluster, rocketmq) is { IsReady: true, Lag: 0 }, () => $"ready again; it is {Of(cluster, rocketmq)}");
    }

    [Fact]
    public async Task The_lag_of_a_queue_whose_end_no_broker_has_told_is_unknown()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 2);
        using var silent = rocketmq.Faults.Inject(Fault.NoAnswer() with { RequestCode = RequestCodes.PullMessage });
        using var mute = rocketmq.Faults.Inject(Fault.NoAnswer() with { RequestCode = RequestCodes.GetMaxOffset });
        await using var cluster = await StartAsync(rocketmq);

        await Eventually.TrueAsync(() => Of(cluster, rocketmq) is { Queues.Count: 3 } group && group.Queues.All(queue => queue.NextPullOffset >= 0), "three queues have begun");

        Assert.All(Of(cluster, rocketmq)!.Queues, queue => Assert.Null(queue.Lag));
        Assert.Null(Of(cluster, rocketmq)!.Lag);
    }

    [Fact]
    public void The_lag_of_a_group_leaves_out_what_other_programs_consume_and_is_unknown_when_that_of_one_queue_is()
    {
        QueueStatus Queue(int id, string silo, long end, long done) => new() { Queue = new("t", "b", id), Silo = silo, MaxOffset = end, Watermark = done };
        var known = new ConsumerGroupStatus { Group = "g", ClientIds = [], Queues = [Queue(0, "s", 7, 4), Queue(1, "s", 5, 5), Queue(2, string.Empty, -1, -1)] };

        Assert.Equal(3, known.Lag);
        Assert.Null((known with { Queues = [.. known.Queues, Queue(3, "s", -1, 4)] }).Lag);
        Assert.Null((known with { Queues = [.. known.Queues, Queue(3, string.Empty, -1, -1) with { IsMoving = true }] }).Lag);
    }

    private static SiloGroupStatus? Of(TestCluster cluster, TestRocketMQ rocketmq) => cluster.StatusOf(rocketmq.MyGroup).SingleOrDefault();

    // Short waits of the broker, so that it is soon too late.
    private static Task<TestCluster> StartAsync(TestRocketMQ rocketmq) => TestCluster.BeginAsync(
        rocketmq.Embedded.NameServerAddress,
        rocketmq.MyGroup,
        TestRocketMQ.Topic,
        rocketmq.Recorder.Succeed(),
        consumer => consumer.Configure(options =>
        {
            options.PullSuspendTimeout = TimeSpan.FromMilliseconds(200);
            options.PersistInterval = TimeSpan.FromMilliseconds(20);
        }),
        setUp: builder =>
        {
            builder.Services.AddHealthChecks().AddRocketMQ();
            DeclaredListeners.HideIn(builder.Services);
        });

    private static async Task<(HealthStatus Status, string Text)> HealthAsync(TestCluster cluster)
    {
        var service = cluster.Silos.GetSiloServiceProvider(cluster.Silos.Silos[0].SiloAddress).GetRequiredService<HealthCheckService>();
        var report = await service.CheckHealthAsync(check => check.Tags.Contains(RocketMQHealthChecksBuilderExtensions.ReadyTag));
        return (report.Status, Assert.Single(report.Entries).Value.Description ?? string.Empty);
    }
}
