namespace OrleansRocketMQ.Engine.Ports;

/// <summary>
/// When the listener of a slot's call has last asked for its time anew. The listener's side has it while it is on the same silo,
/// so that nobody has to ask a listener that may hold its thread; from elsewhere word is sent. Calls have numbers: what is said
/// of one that nobody waits for any more changes nothing. Thread-safe.
/// </summary>
internal sealed class CallRenewal(TimeProvider time)
{
    private static long s_last;

    private readonly Lock _gate = new();
    private long _number;
    private long? _renewedAt;
    private long _here;

    /// <summary>By which others on this silo find it.</summary>
    public long Id { get; } = Interlocked.Increment(ref s_last);

    /// <summary>The slot's next call begins; the one before counts no more.</summary>
    public RenewableCall Begin()
    {
        lock (_gate)
        {
            _renewedAt = null;
            return new(this, ++_number);
        }
    }

    /// <summary>Whether the listener has said of the call under way that it is on this silo, where no word is lost.</summary>
    public bool IsHere => Volatile.Read(ref _here) == Volatile.Read(ref _number);

    /// <summary>The listener of a call is on this silo.</summary>
    public void NoteHere(long number) => Volatile.Write(ref _here, number);

    /// <summary>A call has its time again from now on.</summary>
    public void Renew(long number)
    {
        lock (_gate)
        {
            if (number == _number)
            {
                _renewedAt = time.GetTimestamp();
            }
        }
    }

    /// <summary>What is left of the time of the call under way, which was over unless it was renewed.</summary>
    /// <param name="longest">The whole time.</param>
    public TimeSpan Left(TimeSpan longest)
    {
        lock (_gate)
        {
            return _renewedAt is { } renewed ? longest - time.GetElapsedTime(renewed) : TimeSpan.Zero;
        }
    }
}

/// <summary>A call that may be renewed. Thread-safe.</summary>
/// <param name="Slot">Who makes it.</param>
/// <param name="Number">Which of its calls it is.</param>
internal readonly record struct RenewableCall(CallRenewal Slot, long Number)
{
    /// <inheritdoc cref="CallRenewal.Renew"/>
    public void Renew() => Slot.Renew(Number);

    /// <inheritdoc cref="CallRenewal.NoteHere"/>
    public void NoteHere() => Slot.NoteHere(Number);
}
