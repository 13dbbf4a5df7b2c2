namespace OrleansRocketMQ.Engine.Offsets;

/// <summary>
/// Offsets on their way to the store of which nobody knows yet whether they have come there: what a pull carries, until it is
/// answered, and a commit that had no answer. The store takes each when it comes, also after a higher one. What the store has
/// shows that one has come; <see cref="Evidence"/> says what it takes. Thread-safe.
/// </summary>
internal sealed class OffsetsUnderWay(TimeProvider time)
{
    // Longer than a broker leaves a request in its line, or anybody waits for an answer. What was not seen until then is taken for lost.
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(10);

    private readonly Lock _gate = new();
    private readonly List<Sent> _sent = [];
    private Sent? _pull;

    /// <summary>Whether there is any.</summary>
    public bool Any
    {
        get
        {
            lock (_gate)
            {
                return _sent.Count > 0;
            }
        }
    }

    /// <summary>The highest of them; -1 when there is none.</summary>
    public long Highest
    {
        get
        {
            lock (_gate)
            {
                return HighestLocked();
            }
        }
    }

    /// <summary>Whether one of them would change a store that has an offset, and it would show when it has come.</summary>
    public bool AnyToWaitFor(long offset)
    {
        lock (_gate)
        {
            return _sent.Exists(sent => sent.Offset != offset && !sent.MayHaveCome && sent.Evidence != Evidence.None);
        }
    }

    /// <summary>Whether one of them would change a store that has an offset.</summary>
    public bool AnyBut(long offset)
    {
        lock (_gate)
        {
            return _sent.Exists(sent => sent.Offset != offset && !sent.MayHaveCome);
        }
    }

    /// <summary>The next pull begins, the one before has ended or was given up.</summary>
    /// <param name="offset">What it is to carry; 0 for nothing.</param>
    /// <param name="isNews">Whether the store is known to have less.</param>
    /// <returns>What it carries: nothing while another pull, which was given up, may still bring an older offset after it.</returns>
    public long Carry(long offset, bool isNews)
    {
        lock (_gate)
        {
            _pull = null;
            if (offset <= 0 || _sent.Exists(static sent => sent.IsPull))
            {
                return 0;
            }

            _pull = Add(offset, isPull: true, isNews);
            return offset;
        }
    }

    /// <summary>The pull was answered.</summary>
    /// <returns>What it has brought the store; null when nothing, or when that was seen before.</returns>
    public long? Answered()
    {
        lock (_gate)
        {
            if (TakeBack() is not { } pull)
            {
                return null;
            }

            AllStored();
            return pull.Offset;
        }
    }

    /// <summary>The pull was not sent, or was refused: what it carries comes no more.</summary>
    public void Dropped()
    {
        lock (_gate)
        {
            TakeBack();
        }
    }

    /// <summary>What was told had no answer.</summary>
    /// <param name="offset">What was told.</param>
    /// <param name="isNews">Whether the store is known to have less without it, and the queue is there.</param>
    public void Unanswered(long offset, bool isNews)
    {
        lock (_gate)
        {
            Add(offset, isPull: false, isNews);
        }
    }

    /// <summary>The queue is elsewhere. What a pull carries says nothing of that, even if it is answered.</summary>
    public void Moved()
    {
        lock (_gate)
        {
            _pull = null;
            HideAll();
        }
    }

    /// <summary>Something else is told: what the store has then may be that.</summary>
    public void Telling()
    {
        lock (_gate)
        {
            HideAll();
        }
    }

    /// <summary>The store has taken something else.</summary>
    public void Told()
    {
        lock (_gate)
        {
            AllStored();
        }
    }

    /// <summary>
    /// The store has what a pull would bring: be it that it had that before, that pull is not waited for. One offset may be on its way
    /// more than once, told again because the first had no answer, and then one of them is still to come; and so is a commit that told
    /// what the store had: these are waited for.
    /// </summary>
    public void NoteSeen(long? known)
    {
        lock (_gate)
        {
            if (_sent.FindAll(sent => sent.Offset == known) is [{ IsPull: true } pull])
            {
                pull.MayHaveCome = true;
            }
        }
    }

    /// <summary>What the store had shows which have come.</summary>
    /// <param name="known">What it had.</param>
    /// <param name="committed">What it was told last.</param>
    /// <param name="asked">When it was asked.</param>
    /// <returns>The offset that has come before anything else was told, and whether one has come after that.</returns>
    public (long? Arrived, bool HasOvertaken) See(long? known, long committed, long asked)
    {
        lock (_gate)
        {
            _sent.RemoveAll(sent => time.GetElapsedTime(sent.At, asked) >= Longest);
            var shown = _sent.Find(sent => sent.Offset == known
                && (sent.Evidence == Evidence.First || (sent.Evidence == Evidence.Later && known != committed)));
            if (shown is null)
            {
                return (null, false);
            }

            // One of them is shown. Another of the same offset may still be on its way.
            _sent.Remove(shown);
            _sent.FindAll(sent => sent.Offset == shown.Offset).ForEach(static sent => sent.Evidence = Evidence.None);
            return shown.Evidence == Evidence.First ? (shown.Offset, false) : (null, true);
        }
    }

    private Sent Add(long offset, bool isPull, bool isNews)
    {
        HideAll();

        // A store that has it may have it from another one.
        var isAlone = HighestLocked() < offset;
        var sent = new Sent(offset, time.GetTimestamp(), isPull) { Evidence = isNews && isAlone ? Evidence.First : Evidence.None };
        _sent.Add(sent);
        return sent;
    }

    // Without a closure: each pull asks.
    private long HighestLocked()
    {
        var highest = -1L;
        foreach (var sent in _sent)
        {
            highest = Math.Max(highest, sent.Offset);
        }

        return highest;
    }

    private Sent? TakeBack()
    {
        var pull = _pull;
        _pull = null;
        return pull is not null && _sent.Remove(pull) ? pull : null;
    }

    private void HideAll() => _sent.ForEach(static sent => sent.Evidence = Evidence.None);

    private void AllStored() => _sent.ForEach(static sent => sent.Evidence = Evidence.Later);

    /// <summary>
    /// What it shows when the store has an offset. That it has a higher one shows nothing: that is from another member, behind
    /// whose back this one may come yet.
    /// </summary>
    private enum Evidence
    {
        /// <summary>Nothing: the store may have had it before, or has it from another one.</summary>
        None,

        /// <summary>It has come: the store had less, and nothing else was told since.</summary>
        First,

        /// <summary>It has come after what was told since, which the store has taken.</summary>
        Later,
    }

    /// <param name="offset">What is on its way.</param>
    /// <param name="at">When it was sent, by the clock's time stamp.</param>
    /// <param name="isPull">Whether a pull carries it.</param>
    private sealed class Sent(long offset, long at, bool isPull)
    {
        public long Offset => offset;

        public long At => at;

        public bool IsPull => isPull;

        public Evidence Evidence { get; set; }

        /// <summary>Whether the store was seen to have it, which it may have had before.</summary>
        public bool MayHaveCome { get; set; }
    }
}
