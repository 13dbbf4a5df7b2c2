namespace OrleansRocketMQ.Engine.Contracts;

/// <summary>
/// How far a queue is, exactly: what lies below the watermark is done, and of what lies above it everything that had been
/// seen except what is named. Goes with the queue when it moves, so that nothing done is done again.
/// </summary>
/// <param name="Watermark">Below it everything is done.</param>
/// <param name="SeenTo">From here on nothing is done.</param>
/// <param name="Unfinished">Offsets between the two that are not done, ascending.</param>
internal sealed record AckSnapshot(long Watermark, long SeenTo, long[] Unfinished)
{
    /// <summary>Whether the message at an offset needs no more work.</summary>
    public bool IsDone(long offset) => offset < Watermark || (offset < SeenTo && Array.BinarySearch(Unfinished, offset) < 0);

    /// <summary>Whether anything at an offset or behind it is done. Offsets a filter left out count as done.</summary>
    public bool HasDoneBeyond(long offset) => Watermark > offset || SeenTo - Watermark > Unfinished.Length;

    /// <summary>The same where somebody else has said that everything below an offset is done.</summary>
    public AckSnapshot From(long offset)
    {
        var unfinished = Unfinished.AsSpan();
        var first = unfinished.BinarySearch(offset);
        unfinished = unfinished[(first < 0 ? ~first : first)..];
        return offset <= Watermark ? this
            : offset >= SeenTo ? new AckSnapshot(offset, offset, [])
            : new AckSnapshot(unfinished.IsEmpty ? SeenTo : unfinished[0], SeenTo, unfinished.ToArray());
    }
}
