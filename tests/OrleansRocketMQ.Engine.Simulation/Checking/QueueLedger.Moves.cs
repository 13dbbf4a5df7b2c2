namespace OrleansRocketMQ.Engine.Simulation.Checking;

/// <summary>Moves of a queue to other offsets, and what must be consumed (again) since.</summary>
internal sealed partial class QueueLedger
{
    // A write that hangs, and the removal that waits for it.
    private static readonly long LongestStorage = TimeSpan.FromSeconds(12).Ticks;

    private long? _pendingMove;
    private readonly Dictionary<IHandsOut, (long Offset, int MovesBefore)> _storedMoves = [];
    private Dictionary<LedgerEntry, Standing>? _unheard;
    private long _resetAt = long.MaxValue;

    /// <summary>How often the queue was moved for sure.</summary>
    public int Moves { get; private set; }

    /// <summary>Whether the store has been told nothing since the last move, not even of that.</summary>
    public bool IsMovedSinceStored { get; private set; }

    /// <summary>The store has an offset. A move holds for sure once its owner, or the next one, has heard of it.</summary>
    /// <param name="offset">The offset.</param>
    /// <param name="isMove">Whether the queue is to go on there.</param>
    /// <param name="by">Who has told it; null when that is not known.</param>
    public void Stored(long offset, bool isMove, IHandsOut? by = null)
    {
        _pendingMove = isMove ? offset : null;
        if (isMove && by is not null)
        {
            _storedMoves[by] = (offset, Moves);
        }

        IsMovedSinceStored = false;
    }

    /// <summary>
    /// An owner hears that the store has the offset it is to go on at. Where others have gone on there, that has held since, also when
    /// they have moved the queue again.
    /// </summary>
    /// <param name="loop">The owner.</param>
    /// <param name="offset">The offset.</param>
    /// <param name="isReset">Whether its broker has demanded that; else somebody has asked for it.</param>
    public void MoveHeard(IHandsOut loop, long offset, bool isReset)
    {
        var hasHeld = _storedMoves.Remove(loop, out var stored) && stored.Offset == offset && stored.MovesBefore < Moves;
        _unheard = null;
        if (!hasHeld)
        {
            MoveHolds(offset, isReset);
        }
    }

    /// <summary>
    /// A seek that nobody had said yes to is refused after all. Another member may have begun there meanwhile; that binds nobody:
    /// what must be consumed is what had to be before, and what has been consumed, by whomever, counts.
    /// </summary>
    public void SeekRefused()
    {
        foreach (var (entry, before) in _unheard ?? [])
        {
            entry.IsRequired &= before.IsRequired;
            entry.IsDone |= before.IsDone || (entry.Last is { End: DeliveryEnd.Done } last && last.Era >= before.Era);
            entry.Era = before.Era;
        }

        _unheard = null;
    }

    /// <summary>Another member goes on at a move whose owner has not heard of it.</summary>
    private void MoveHoldsUnheard(long offset)
    {
        var before = _entries.ToDictionary(entry => entry, entry => new Standing(entry.IsRequired, entry.IsDone, entry.Era));
        var first = _unheard;
        MoveHolds(offset);
        _unheard = first ?? before;
    }

    /// <summary>The queue goes on elsewhere, and everybody knows.</summary>
    /// <param name="offset">Where.</param>
    /// <param name="isReset">Whether its broker has demanded that of its owner.</param>
    public void MoveHolds(long offset, bool isReset = false)
    {
        Moves++;
        _resetAt = isReset ? world.Time.Now : long.MaxValue;
        _pendingMove = null;
        _unheard = null;
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

    /// <summary>What a message was before a move that may yet be refused.</summary>
    private readonly record struct Standing(bool IsRequired, bool IsDone, int Era);
}
