using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Runtime;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;

namespace OrleansRocketMQ.Subscriptions;

/// <summary>
/// Ties a silo to the keeper of a group's subscriptions: follows it, from time to time anew in case it has begun a new
/// life or could not reach this silo, and brings wishes to it.
/// </summary>
internal sealed partial class SubscriptionLink(
    string group,
    SubscriptionManager subscriptions,
    IGrainFactory grains,
    SiloAddress silo,
    RocketMQOptions options,
    TimeProvider time,
    ILogger<SubscriptionLink> logger) : ISubscriptionFollower
{
    private static readonly TimeSpan SoonAgain = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LongestGoodbye = TimeSpan.FromSeconds(1);
    private const int Attempts = 3;

    private readonly CancellationTokenSource _stopping = new();
    private readonly TaskCompletionSource _followed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ISubscriptionKeeperGrain _keeper = grains.GetGrain<ISubscriptionKeeperGrain>(group);
    private ISubscriptionFollower? _reference;
    private Task _following = Task.CompletedTask;

    /// <summary>Ends once this silo knows what was decided before it came.</summary>
    public Task Followed => _followed.Task;

    public void Start()
    {
        _reference = grains.CreateObjectReference<ISubscriptionFollower>(this);
        subscriptions.Keeper = ChangeAsync;
        _following = BackgroundLoop.Run($"subscriptions of group {group}", _ => FollowAsync(), time, logger, _stopping.Token);
    }

    public async Task StopAsync()
    {
        subscriptions.Keeper = null;
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _following.ConfigureAwait(false);
        _followed.TrySetCanceled();
        try
        {
            await _keeper.LeaveAsync(silo).WaitAsync(LongestGoodbye, time).ConfigureAwait(false);
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

    public Task LearnAsync(ImmutableArray<SubscriptionDecision> decisions)
    {
        subscriptions.Learn(decisions);
        return Task.CompletedTask;
    }

    private async Task<SubscriptionOutcome> ChangeAsync(SubscriptionChange change, CancellationToken cancellationToken)
    {
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            if (await _keeper.ChangeAsync(change).WaitAsync(cancellationToken).ConfigureAwait(false) is { } outcome)
            {
                return outcome;
            }

            await FollowOnceAsync().WaitAsync(cancellationToken).ConfigureAwait(false);
        }

        throw new ConsumerStateException(group, "followed by no silo", "change its subscriptions");
    }

    private async Task FollowOnceAsync()
    {
        var decisions = await _keeper
            .FollowAsync(silo, _reference!, subscriptions.Declared, subscriptions.Decisions)
            .ConfigureAwait(false);
        subscriptions.Learn(decisions);
        _followed.TrySetResult();
    }

    private async Task FollowAsync()
    {
        while (!_stopping.IsCancellationRequested)
        {
            var wait = options.RebalanceInterval;
            try
            {
                await FollowOnceAsync().WaitAsync(_stopping.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                Log.NotFollowed(logger, group, exception);
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
        public static partial void NotFollowed(ILogger logger, string group, Exception exception);

        [LoggerMessage(273, LogLevel.Debug, "Group {Group}: the keeper of its subscriptions was not told that this silo stops: {Reason}")]
        public static partial void NotLeft(ILogger logger, string group, string reason);
    }
}
