using System.Collections.Immutable;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.GrainDirectory;
using Orleans.Runtime;
using OrleansRocketMQ.Management;
using OrleansRocketMQ.Queues;

namespace OrleansRocketMQ.Subscriptions;

/// <inheritdoc cref="ISubscriptionCoordinatorGrain"/>
// One for the cluster, also while silos join: see the directory.
// Its name is what silos of earlier versions call it.
[GrainType("subscriptionkeeper")]
[GrainDirectory(QueueDirectory.Name)]
internal sealed partial class SubscriptionCoordinatorGrain(
    IGrainContext context,
    ILogger<SubscriptionCoordinatorGrain> logger) : Grain, ISubscriptionCoordinatorGrain
{
    // A silo that does not answer learns of the change when it follows anew; the others must not wait for it.
    private static readonly TimeSpan LongestTell = TimeSpan.FromSeconds(3);

    private readonly TimeProvider _time = context.ActivationServices.GetService<TimeProvider>() ?? TimeProvider.System;
    private readonly Dictionary<SiloAddress, ISubscriptionFollower> _followers = [];
    private readonly SubscriptionRegistry _registry = new();

    public Task<ImmutableArray<SubscriptionDecision>> RegisterAsync(
        SiloAddress silo,
        ISubscriptionFollower follower,
        ImmutableArray<SubscriptionInfo> declared,
        ImmutableArray<SubscriptionDecision> known)
    {
        _followers[silo] = follower;
        _registry.Declare(declared);
        _registry.Merge(known);
        return Task.FromResult(_registry.Decisions);
    }

    public Task LeaveAsync(SiloAddress silo)
    {
        _followers.Remove(silo);
        return Task.CompletedTask;
    }

    public async Task<SubscriptionOutcome?> ChangeAsync(SubscriptionChange change)
    {
        if (_followers.Count == 0)
        {
            return null;
        }

        var outcome = _registry.Plan(change, _time.GetUtcNow());
        if (outcome.Decisions.Length > 0)
        {
            _registry.Merge(outcome.Decisions);
            var others = NotFollowing();
            await Task.WhenAll(
                [
                    .. _followers.ToArray().Select(follower => TellAsync(follower.Key, follower.Value, outcome.Decisions)),
                    .. others.Select(silo => TellAsync(silo, outcome.Decisions)),
                ]);
        }

        return outcome;
    }

    private async Task TellAsync(SiloAddress silo, ISubscriptionFollower follower, ImmutableArray<SubscriptionDecision> decisions)
    {
        try
        {
            await follower.ApplyAsync(decisions).WaitAsync(LongestTell, _time);
        }
        catch (Exception exception)
        {
            // Dead silos go this way too; a living one follows anew before long.
            _followers.Remove(silo);
            Log.NotTold(logger, context.GrainId.Key.ToString()!, silo, exception.Message);
        }
    }

    // After a silo's end this may be a new activation, and others find that out only when they next follow.
    private SiloAddress[] NotFollowing() =>
    [
        .. context.ActivationServices.GetRequiredService<IClusterMembershipService>().CurrentSnapshot.Members.Values
            .Where(member => member.Status == SiloStatus.Active && !_followers.ContainsKey(member.SiloAddress))
            .Select(member => member.SiloAddress),
    ];

    private async Task TellAsync(SiloAddress silo, ImmutableArray<SubscriptionDecision> decisions)
    {
        var group = context.GrainId.Key.ToString()!;
        try
        {
            var there = GrainFactory.GetGrain<IConsumerGroupOnSiloGrain>(GroupOnSiloKey.Of(group, silo));
            await there.LearnSubscriptionsAsync(decisions).WaitAsync(LongestTell, _time);
        }
        catch (SiloHasNoConsumersException)
        {
            // It has nothing to learn.
        }
        catch (Exception exception)
        {
            Log.NotTold(logger, group, silo, exception.Message);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(
            271,
            LogLevel.Information,
            "Group {Group}: silo {Silo} could not be told of changed subscriptions; if it lives it asks by itself: {Reason}")]
        public static partial void NotTold(ILogger logger, string group, SiloAddress silo, string reason);
    }
}
