using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Runtime;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Consumers;

namespace OrleansRocketMQ.Management;

/// <summary>
/// Keeps one group on this silo in step with its cluster-wide settings, and tells how it does. Asks for the settings at the
/// start and every few seconds, and is told of changes in between.
/// </summary>
internal sealed partial class GroupAgent(
    ConsumerGroupRuntime consumer,
    IGrainFactory grains,
    SiloAddress silo,
    TimeProvider time,
    ILogger<GroupAgent> logger) : IGroupAgent
{
    /// <summary>How often silos make themselves known.</summary>
    public static readonly TimeSpan JoinInterval = TimeSpan.FromSeconds(5);

    // Without storage or directory there are no settings to be had; consuming is more important than a pause that may be.
    private static readonly TimeSpan LongestWithout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan SoonAgain = TimeSpan.FromSeconds(1);

    private readonly CancellationTokenSource _stopping = new();
    private readonly string _silo = silo.ToParsableString();
    private readonly BreakerAgent _breakers = new(consumer, grains, time, logger);
    private readonly StopAgent _stops = new(consumer, grains, silo.ToParsableString(), time, logger);
    private IGroupAgent? _reference;
    private Task _following = Task.CompletedTask;

    private IGroupSettingsGrain Grain => grains.GetGrain<IGroupSettingsGrain>(consumer.Group);

    public void Start()
    {
        _reference = grains.CreateObjectReference<IGroupAgent>(this);
        _following = BackgroundLoop.Run($"settings of group {consumer.Group}", _ => FollowAsync(), time, logger, _stopping.Token);
        _breakers.Start();
        _stops.Start();
    }

    public async Task StopAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(_following, _breakers.StopAsync(), _stops.StopAsync()).ConfigureAwait(false);
        try
        {
            await Grain.LeaveAsync(_silo).WaitAsync(SoonAgain, time).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            // It is forgotten after a while.
            Log.NotLeft(logger, consumer.Group, exception.Message);
        }

        grains.DeleteObjectReference<IGroupAgent>(_reference!);
    }

    public Task ApplyAsync(GroupSettings settings)
    {
        Apply(settings);
        return Task.CompletedTask;
    }

    public Task RecoverAsync(ConsumerScope scope)
    {
        _stops.Forget(scope);
        foreach (var pump in consumer.Pumps.Values.Where(pump => scope.Contains(pump.Source)))
        {
            pump.Recover();
        }

        return Task.CompletedTask;
    }

    public Task<SiloReport> DescribeAsync() => Task.FromResult(SiloReport.Of(consumer, _silo));

    private GroupSettings? Known()
        => consumer.Flow.Cluster is { } flow && consumer.Placement is { } placement ? new(flow, placement) : null;

    // Places first: once the flow is known, queues begin to pull.
    private void Apply(GroupSettings settings)
    {
        consumer.Apply(settings.Placement);
        consumer.Flow.Apply(settings.Flow);
    }

    /// <summary>Makes the silo known, and takes over what it does not know. What it alone knows it tells.</summary>
    private async Task JoinAsync()
    {
        if (Known() is { } known)
        {
            var answer = await Grain
                .JoinWithVersionsAsync(_silo, _reference!, known.Flow.Version, known.Placement.Version)
                .ConfigureAwait(false);
            if (answer is null)
            {
                return;
            }

            if (answer.Flow.Version >= known.Flow.Version && answer.Placement.Version >= known.Placement.Version)
            {
                Apply(answer);
                return;
            }
        }

        Apply(await Grain.JoinAsync(_silo, _reference!, Known()).ConfigureAwait(false));
    }

    private async Task FollowAsync()
    {
        var start = time.GetTimestamp();
        while (!_stopping.IsCancellationRequested)
        {
            var wait = JoinInterval;
            try
            {
                await JoinAsync().WaitAsync(LongestWithout, time, _stopping.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                Log.SettingsUnknown(logger, consumer.Group, exception.Message);
                if (time.GetElapsedTime(start) >= LongestWithout)
                {
                    Apply(GroupSettings.None);
                }

                wait = SoonAgain;
            }

            try
            {
                await Task.Delay(wait, time, _stopping.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(
            264,
            LogLevel.Warning,
            "Group {Group} cannot learn what is paused and slowed down; "
                + "it waits for that 10 s at most at its start, and asks again: {Reason}")]
        public static partial void SettingsUnknown(ILogger logger, string group, string reason);

        [LoggerMessage(265, LogLevel.Debug, "Group {Group} could not say that this silo leaves: {Reason}")]
        public static partial void NotLeft(ILogger logger, string group, string reason);
    }
}
