using System.Collections.Immutable;
using Orleans;
using Orleans.Runtime;

namespace OrleansRocketMQ.Subscriptions;

/// <summary>
/// Where all changes of a group's subscriptions are decided, one after the other, and told to every silo of the group.
/// Its key is the group. Stores nothing: every silo knows all decisions, so a new activation learns them from those who
/// follow, and they live as long as one silo of the group does.
/// </summary>
[Alias("OrleansRocketMQ.ISubscriptionKeeperGrain")]
[GrainInterfaceType("OrleansRocketMQ.ISubscriptionKeeperGrain")]
internal interface ISubscriptionCoordinatorGrain : IGrainWithStringKey
{
    /// <summary>A silo tells what it knows, and gets to know everything, now and with each change.</summary>
    [Alias("Follow")]
    Task<ImmutableArray<SubscriptionDecision>> RegisterAsync(
        SiloAddress silo,
        ISubscriptionFollower follower,
        ImmutableArray<SubscriptionInfo> declared,
        ImmutableArray<SubscriptionDecision> known);

    /// <summary>A silo stops.</summary>
    [Alias("Leave")]
    Task LeaveAsync(SiloAddress silo);

    /// <summary>Decides on a wish and tells every silo. Null when nobody has told yet what there is: follow, then ask again.</summary>
    [Alias("Change")]
    Task<SubscriptionOutcome?> ChangeAsync(SubscriptionChange change);
}

/// <summary>A silo that wants to know of changes.</summary>
[Alias("OrleansRocketMQ.ISubscriptionFollower")]
internal interface ISubscriptionFollower : IGrainObserver
{
    [Alias("Learn")]
    Task ApplyAsync(ImmutableArray<SubscriptionDecision> decisions);
}
