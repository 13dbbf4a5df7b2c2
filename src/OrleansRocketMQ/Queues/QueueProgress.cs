using Orleans;
using OrleansRocketMQ.Allocation;

namespace OrleansRocketMQ.Queues;

/// <summary>
/// How far a queue is, exactly: what lies below the watermark is done, and of what lies above it everything that had been
/// seen except what is named. Goes with the queue when it moves, so that nothing done is done again.
/// </summary>
/// <param name="Watermark">Below it everything is done.</param>
/// <param name="SeenTo">From here on nothing is done.</param>
/// <param name="Unfinished">Offsets between the two that are not done, ascending.</param>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.QueueProgress")]
internal sealed record QueueProgress(
    [property: Id(0)] long Watermark,
    [property: Id(1)] long SeenTo,
    [property: Id(2)] long[] Unfinished)
{
    /// <summary>Whether the message at an offset needs no more work.</summary>
    public bool IsDone(long offset) => offset < Watermark || (offset < SeenTo && Array.BinarySearch(Unfinished, offset) < 0);
}

/// <summary>What a queue's grain takes along to another silo.</summary>
/// <param name="Progress">How far the queue is.</param>
/// <param name="From">The client id of the silo it comes from.</param>
/// <param name="FromLeaves">Whether that silo is about to leave the group, which others may not know yet.</param>
/// <param name="Placement">What operators want, as far as that silo knows; it may be the reason of the move.</param>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.QueueHandOver")]
internal sealed record QueueHandOver(
    [property: Id(0)] QueueProgress Progress,
    [property: Id(1)] string From,
    [property: Id(2)] bool FromLeaves,
    [property: Id(3)] PlacementSettings? Placement);
