using System.Collections.Immutable;
using Orleans;

namespace OrleansRocketMQ.Subscriptions;

/// <summary>
/// What was decided about a topic at run time; overrides what silos declare. Of two the one with the higher version holds,
/// so that they can be put together in any order.
/// </summary>
/// <param name="Topic">The topic.</param>
/// <param name="Selector">Which of its messages; kept of a subscription that was removed.</param>
/// <param name="State">Whether it is consumed.</param>
/// <param name="Version">Milliseconds since 1970 UTC, but always higher than that of what it overrides.</param>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.SubscriptionDecision")]
internal sealed record SubscriptionDecision(
    [property: Id(0)] string Topic,
    [property: Id(1)] MessageSelector Selector,
    [property: Id(2)] SubscriptionState State,
    [property: Id(3)] long Version);

internal enum SubscriptionState
{
    Active = 0,
    Inactive = 1,
    Removed = 2,
}

/// <summary>A wish to change subscriptions.</summary>
/// <param name="Kind">What is to be done.</param>
/// <param name="Items">To which topics; none for all.</param>
/// <param name="Most">How many subscriptions there may be.</param>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.SubscriptionChange")]
internal sealed record SubscriptionChange(
    [property: Id(0)] SubscriptionChangeKind Kind,
    [property: Id(1)] ImmutableArray<SubscriptionInfo> Items,
    [property: Id(2)] int Most);

internal enum SubscriptionChangeKind
{
    Subscribe = 0,
    Unsubscribe = 1,
    UpdateSelector = 2,
    Activate = 3,
    Deactivate = 4,
    Clear = 5,

    /// <summary>The items are subscribed to as they are, whatever there was.</summary>
    Import = 6,

    /// <summary>As <see cref="Import"/>, and nothing else is subscribed to.</summary>
    Replace = 7,
}

/// <summary>Why a change was not made. Raised as an error where it was asked for, so that nothing of it is lost on the way.</summary>
/// <param name="Code">The kind of error.</param>
/// <param name="Topic">The topic.</param>
/// <param name="Existing">With a conflict: the selector there is.</param>
/// <param name="Asked">With a conflict: the selector asked for.</param>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.SubscriptionRefusal")]
internal sealed record SubscriptionRefusal(
    [property: Id(0)] RocketMQErrorCode Code,
    [property: Id(1)] string Topic,
    [property: Id(2)] string Existing,
    [property: Id(3)] string Asked);

/// <summary>What became of a wish.</summary>
/// <param name="Decisions">What was decided; empty when there was nothing to change.</param>
/// <param name="Refusal">Why it was refused, or null.</param>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.SubscriptionOutcome")]
internal sealed record SubscriptionOutcome(
    [property: Id(0)] ImmutableArray<SubscriptionDecision> Decisions,
    [property: Id(1)] SubscriptionRefusal? Refusal = null);
