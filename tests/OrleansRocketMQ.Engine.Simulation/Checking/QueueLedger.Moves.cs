namespace OrleansRocketMQ.Engine.Simulation.Checking;

/// <summary>Moves of a queue to other offsets, and what must be consumed (again) since.</summary>
internal sealed partial class QueueLedger
{
    // A write that hangs, and the removal that waits for it.
    private static readonly long LongestStorage = TimeSpan.FromSeconds(12).Ticks;

    private long? _pendingMove;
    private (long Offset, int MovesBefore)? _storedMove;
    private long _resetAt = long.MaxValue;

    /// <summary>How often the queue was moved for sure.</summary>
    public int Moves { get; private set; }

    /// <summary>Whether the store has been told nothing since the last move, not even of that.</summary>
    public bool IsMovedSinceStored { get; private set; }

    /// <summary>The store has an offset. A move holds for sure once its owner, or the next one, has heard of it.</summary>
    public void Stored(long offset, bool isMove)
    {
        _pendingMove = isMove ? offset : null;
        _storedMove = isMove ? (offset, Moves) : _storedMove;
        IsMovedSinceStored = false;
    }

    /// <summary>
    /// An owner hears that the store has the offset it is to go on at. Where others have gone on there, that has held since.
    /// </summary>
    /// <param name="offset">The offset.</param>
    /// <param name="isReset">Whether its broker has demanded that; else somebody has asked for it.</param>
    public void MoveHeard(long offset, bool isReset)
    {
        var hasHeld = _storedMove is { } stored && stored.Offset == offset && stored.MovesBefore < Moves;
        _storedMove = null;
        if (!hasHeld)
        {
            MoveHolds(offset, isReset);
        }
    }

    /// <summary>The queue goes on elsewhere, and everybody knows.</summary>
    /// <param name="offset">Where.</param>
    /// <param name="isReset">Whether its broker has demanded that of its owner.</param>
    public void MoveHolds(long offset, bool isReset = false)
    {
        Moves++;
        _resetAt = isReset ? world.Time.Now : long.MaxValue;
        _pendingMove = null;
        IsMovedSinceStored = queue.Stored != offset;
        foreach (var entry in _entries)
        {
            entry.IsRequired = entry.Offset >= offset && entry.Offset >= queue.Min;
            if (entry.Offset >= offset)
            {
                entry.Era = Moves;
                entry.IsDone = entry.IsDoneElsewhere = false;
            }
        }
    }

    /// <summary>
    /// Whether a record that was to be written before the queue was last moved may still be there: its broker has demanded that, which
    /// holds whatever becomes of the record, and the storage has not done what it was asked, or not in time.
    /// </summary>
    /// <param name="movesBefore">How often the queue had been moved when the record was to be written.</param>
    public bool MayHideReset(int movesBefore)
        => movesBefore < Moves && _resetAt < long.MaxValue && world.Trouble.Storage(queue.Index) >= _resetAt - LongestStorage;
}
