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

    /// <summary>Whether anything at an offset or behind it is done. Offsets a filter left out count as done.</summary>
    public bool HasDoneBeyond(long offset) => Watermark > offset || SeenTo - Watermark > Unfinished.Length;

    /// <summary>The same where somebody else has said that everything below an offset is done.</summary>
    public QueueProgress From(long offset)
    {
        var unfinished = Unfinished.AsSpan();
        var first = unfinished.BinarySearch(offset);
        unfinished = unfinished[(first < 0 ? ~first : first)..];
        return offset <= Watermark ? this
            : offset >= SeenTo ? new QueueProgress(offset, offset, [])
            : new QueueProgress(unfinished.IsEmpty ? SeenTo : unfinished[0], SeenTo, unfinished.ToArray());
    }
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
    [property: Id(0)] QueueProgress Progress,
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
}
