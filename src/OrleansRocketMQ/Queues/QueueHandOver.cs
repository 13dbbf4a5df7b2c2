using System.Diagnostics.CodeAnalysis;
using Orleans;
using OrleansRocketMQ.Allocation;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Queue;

namespace OrleansRocketMQ.Queues;

/// <summary>A <see cref="AckSnapshot"/> as it travels between silos.</summary>
/// <param name="Watermark">Below it everything is done.</param>
/// <param name="SeenTo">From here on nothing is done.</param>
/// <param name="Unfinished">Offsets between the two that are not done, ascending.</param>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.QueueProgress")]
internal sealed record HandedOverAckSnapshot(
    [property: Id(0)] long Watermark,
    [property: Id(1)] long SeenTo,
    [property: Id(2)] long[] Unfinished)
{
    public static implicit operator HandedOverAckSnapshot(AckSnapshot progress)
        => new(progress.Watermark, progress.SeenTo, progress.Unfinished);

    [return: NotNullIfNotNull(nameof(stored))]
    public static implicit operator AckSnapshot?(HandedOverAckSnapshot? stored)
        => stored is null ? null : new AckSnapshot(stored.Watermark, stored.SeenTo, stored.Unfinished);
}

/// <summary>What a queue's grain takes along to another silo.</summary>
/// <param name="Progress">How far the queue is.</param>
/// <param name="From">The client id of the silo it comes from.</param>
/// <param name="FromLeaves">Whether that silo is about to leave the group, which others may not know yet.</param>
/// <param name="HasCheckpoint">Whether something may be written down of the queue that must go one day.</param>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.QueueHandOver")]
internal sealed record QueueHandOver(
    [property: Id(0)] HandedOverAckSnapshot Progress,
    [property: Id(1)] string From,
    [property: Id(2)] bool FromLeaves,
    [property: Id(3)] bool HasCheckpoint)
{
    /// <summary>What operators want, as far as that silo knows; it may be the reason of the move.</summary>
    [Id(10)]
    public PlacementSettings? Placement { get; init; }

    /// <summary>When the last work on the queue ended there, in ticks of UTC; 0 from silos that do not tell.</summary>
    [Id(20)]
    public long IdleSince { get; init; }

    /// <summary>Whether the store has not taken a reset by the broker and has what was before; false from silos of v0.2.</summary>
    [Id(30)]
    public bool HasUnstoredReset { get; init; }

    /// <summary>What is paused there, and which seeks there were; null from silos of v0.2.</summary>
    [Id(31)]
    public FlowSettings? Flow { get; init; }

    /// <summary>An error rule has stopped the queue, and the cluster has not been told yet; null also from silos of v0.2.</summary>
    [Id(32)]
    public StoppedQueue? UntoldStop { get; init; }

    /// <summary>What the engine gets of it.</summary>
    public QueueArrival ToArrival() => new(Progress, HasCheckpoint, IdleSince, HasUnstoredReset);
}

/// <summary>What the grain of a queue that is popped takes along: how far it is only its broker knows.</summary>
/// <param name="From">The client id of the silo it comes from.</param>
/// <param name="FromLeaves">Whether that silo is about to leave the group, which others may not know yet.</param>
/// <param name="Placement">What operators want, as far as that silo knows; it may be the reason of the move.</param>
/// <param name="Flow">What it knows of pauses, rates and seeks.</param>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.PoppedQueueHandOver")]
internal sealed record PoppedQueueHandOver(
    [property: Id(0)] string From,
    [property: Id(1)] bool FromLeaves,
    [property: Id(2)] PlacementSettings? Placement,
    [property: Id(3)] FlowSettings? Flow)
{
    /// <summary>An error rule has stopped the queue, and the cluster has not been told yet.</summary>
    [Id(4)]
    public StoppedQueue? UntoldStop { get; init; }

    /// <summary>Where its broker demanded that it goes on when it was pulled, while the store has not taken that.</summary>
    [Id(5)]
    public long? UnstoredReset { get; init; }

    /// <summary>What of its last pop in order is done while a message before it is not; null when nothing is.</summary>
    [Id(6)]
    public HandedOverDoneAhead? DoneAhead { get; init; }

    /// <summary>What the engine gets of it.</summary>
    public QueueArrival? ToArrival() => QueueArrival.OfPopped(UnstoredReset, DoneAhead);
}

/// <summary>A <see cref="Engine.Contracts.DoneAhead"/> as it travels between silos.</summary>
/// <param name="From">The offset of the first message that is not done.</param>
/// <param name="MessageIds">What is done behind it, by offsets.</param>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.DoneAhead")]
internal sealed record HandedOverDoneAhead([property: Id(0)] long From, [property: Id(1)] Dictionary<long, string> MessageIds)
{
    [return: NotNullIfNotNull(nameof(known))]
    public static implicit operator HandedOverDoneAhead?(DoneAhead? known)
        => known is null ? null : new(known.From, new Dictionary<long, string>(known.MessageIds));

    [return: NotNullIfNotNull(nameof(handedOver))]
    public static implicit operator DoneAhead?(HandedOverDoneAhead? handedOver)
        => handedOver is null ? null : new(handedOver.From, handedOver.MessageIds);
}
