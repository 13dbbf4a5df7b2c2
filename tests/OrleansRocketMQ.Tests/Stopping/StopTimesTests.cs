using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans;
using Orleans.Configuration;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Engine.Scheduling;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Stopping;

/// <summary>A stop takes no longer than it may, and a silo whose times cannot work together does not start.</summary>
public sealed class StopTimesTests
{
    [Theory]
    [InlineData(10, 30, 30, null)]
    [InlineData(25, 30, 30, null)]
    [InlineData(29, -1, 30, null)]
    [InlineData(60, 65, 61, null)]
    [InlineData(26, 30, 30, "at least 5 s less than the 30 s the host waits for all of its stop (HostOptions.ShutdownTimeout, setting ShutdownTimeoutSeconds)")]
    [InlineData(40, 60, 30, "less than the 30 s Orleans lets a grain take to end (GrainCollectionOptions.DeactivationTimeout)")]
    [InlineData(30, 60, 30, "less than the 30 s Orleans lets a grain take to end (GrainCollectionOptions.DeactivationTimeout)")]
    public void Listeners_may_take_no_longer_than_the_host_and_orleans_wait(int listeners, int host, int grains, string? expected)
    {
        using var built = BuiltSilo.Build(
            builder =>
            {
                builder.AddConsumer<ScriptedListener>("g", consumer => consumer.Subscribe("t")).Configure(options => options.ShutdownTimeout = TimeSpan.FromSeconds(listeners));
                builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = host < 0 ? Timeout.InfiniteTimeSpan : TimeSpan.FromSeconds(host));
                builder.Services.Configure<GrainCollectionOptions>(options => options.DeactivationTimeout = TimeSpan.FromSeconds(grains));
            });
        var validator = Assert.Single(built.Services.GetServices<IConfigurationValidator>().OfType<StopTimesValidator>());

        if (expected is null)
        {
            validator.ValidateConfiguration();
            return;
        }

        var error = Assert.Throws<RocketMQConfigurationException>(validator.ValidateConfiguration);
        Assert.Equal("RocketMQ:ShutdownTimeout", error.Field);
        Assert.Equal(TimeSpan.FromSeconds(listeners), error.Value);
        Assert.Equal(expected, error.Expected);
    }

    [Fact]
    public void All_parts_of_a_stop_share_one_time_which_is_over_when_the_host_waits_no_longer()
    {
        var time = new FakeTimeProvider();
        using var host = new CancellationTokenSource();
        var deadline = new StopDeadline(TimeSpan.FromSeconds(20), time, host.Token);
        Assert.Equal((20, 25), (deadline.ForListeners.TotalSeconds, deadline.ForGrains.TotalSeconds));

        time.Advance(TimeSpan.FromSeconds(8));
        Assert.Equal((12, 17), (deadline.ForListeners.TotalSeconds, deadline.ForGrains.TotalSeconds));

        time.Advance(TimeSpan.FromSeconds(14));
        Assert.Equal((0, 3), (deadline.ForListeners.TotalSeconds, deadline.ForGrains.TotalSeconds));

        host.Cancel();
        Assert.Equal((0, 0), (deadline.ForListeners.TotalSeconds, deadline.ForGrains.TotalSeconds));
    }

    [Fact]
    public async Task A_stop_whose_host_waits_no_longer_ends_however_much_time_listeners_were_promised()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.SendAsync(1);
        var (entered, told, release) = (new TaskCompletionSource(), new TaskCompletionSource(), new TaskCompletionSource());
        await using var cluster = await TestCluster.BeginAsync(
            rocketmq.Embedded.NameServerAddress,
            rocketmq.MyGroup,
            TestRocketMQ.Topic,
            async (_, _, cancellationToken) =>
            {
                cancellationToken.Register(() => told.TrySetResult());
                entered.TrySetResult();
                await release.Task;
                return ConsumeResult.Success;
            },
            setUp: builder =>
            {
                builder.Configure(options => options.ShutdownTimeout = TimeSpan.FromMinutes(5));
                builder.Services.PostConfigure<HostOptions>(options => options.ShutdownTimeout = TimeSpan.FromMinutes(10));
                builder.Services.PostConfigure<GrainCollectionOptions>(options => options.DeactivationTimeout = TimeSpan.FromMinutes(10));
                DeclaredListeners.HideIn(builder.Services);
            });
        await entered.Task;
        var services = cluster.Silos.GetSiloServiceProvider(cluster.Silos.Silos[0].SiloAddress);
        var pump = services.GetRequiredService<ConsumerRegistry>().Find(rocketmq.MyGroup)!.Pumps.Values.Single(pump => pump.Queue.Topic == TestRocketMQ.Topic);
        using var patience = new CancellationTokenSource();

        var stopping = services.GetRequiredService<RocketMQSilo>().DrainAsync(patience.Token);
        await Eventually.TrueAsync(() => pump.Stopping.IsCancellationRequested, "the queue stops");
        Assert.False(told.Task.IsCompleted);
        patience.Cancel();

        await stopping.WaitAsync(Eventually.Deadline);
        Assert.True(pump.IsStopped);
        await told.Task.WaitAsync(Eventually.Deadline);
        Assert.Equal(0, rocketmq.Committed());
        release.SetResult();
    }
}
