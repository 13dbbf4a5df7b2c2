using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Runtime;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;

namespace OrleansRocketMQ.Subscriptions;

/// <summary>
/// Keeps a silo in step with the coordinator of a group's subscriptions: registers with it, from time to time anew in case
/// it has begun a new life or could not reach this silo, and brings wishes to it.
/// </summary>
internal sealed partial class SubscriptionSync(
    string group,
    SubscriptionManager subscriptions,
    IGrainFactory grains,
    SiloAddress silo,
    RocketMQOptions options,
    TimeProvider time,
    ILogger<SubscriptionSync> logger) : ISubscriptionFollower
{
    private static readonly TimeSpan SoonAgain = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LongestGoodbye = TimeSpan.FromSeconds(1);
    private const int Attempts = 3;

    private readonly CancellationTokenSource _stopping = new();
    private readonly TaskCompletionSource _synced = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ISubscriptionCoordinatorGrain _coordinator = grains.GetGrain<ISubscriptionCoordinatorGrain>(group);
    private ISubscriptionFollower? _reference;
    private Task _syncing = Task.CompletedTask;

    /// <summary>Ends once this silo knows what was decided before it came.</summary>
    public Task Synced => _synced.Task;

    public void Start()
    {
        _reference = grains.CreateObjectReference<ISubscriptionFollower>(this);
        subscriptions.Coordinator = ChangeAsync;
        _syncing = BackgroundLoop.Run($"subscriptions of group {group}", _ => KeepSyncingAsync(), time, logger, _stopping.Token);
    }

    public async Task StopAsync()
    {
        subscriptions.Coordinator = null;
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _syncing.ConfigureAwait(false);
        _synced.TrySetCanceled();
        try
        {
            await _coordinator.LeaveAsync(silo).WaitAsync(LongestGoodbye, time).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            // It finds out by itself.
            Log.NotLeft(logger, group, exception.Message);
        }

        if (_reference is not null)
        {
            grains.DeleteObjectReference<ISubscriptionFollower>(_reference);
        }
    }

    public Task ApplyAsync(ImmutableArray<SubscriptionDecision> decisions)
    {
        subscriptions.Apply(decisions);
        return Task.CompletedTask;
    }

    private async Task<SubscriptionOutcome> ChangeAsync(SubscriptionChange change, CancellationToken cancellationToken)
    {
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            if (await _coordinator.ChangeAsync(change).WaitAsync(cancellationToken).ConfigureAwait(false) is { } outcome)
            {
                return outcome;
            }

            await SyncOnceAsync().WaitAsync(cancellationToken).ConfigureAwait(false);
        }

        throw new ConsumerStateException(group, "followed by no silo", "change its subscriptions");
    }

    private async Task SyncOnceAsync()
    {
        var decisions = await _coordinator
            .RegisterAsync(silo, _reference!, subscriptions.Declared, subscriptions.Decisions)
            .ConfigureAwait(false);
        subscriptions.Apply(decisions);
        _synced.TrySetResult();
    }

    private async Task KeepSyncingAsync()
    {
        while (!_stopping.IsCancellationRequested)
        {
            var wait = options.RebalanceInterval;
            try
            {
                await SyncOnceAsync().WaitAsync(_stopping.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                Log.NotSynced(logger, group, exception);
                wait = SoonAgain;
            }

            await Task.Delay(wait, time, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(
            272,
            LogLevel.Warning,
            "Group {Group}: the keeper of its subscriptions could not be asked, it is tried again; a consumer that starts waits for it")]
        public static partial void NotSynced(ILogger logger, string group, Exception exception);

        [LoggerMessage(273, LogLevel.Debug, "Group {Group}: the keeper of its subscriptions was not told that this silo stops: {Reason}")]
        public static partial void NotLeft(ILogger logger, string group, string reason);
    }
}
