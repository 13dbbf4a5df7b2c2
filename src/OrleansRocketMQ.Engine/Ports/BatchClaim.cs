namespace OrleansRocketMQ.Engine.Ports;

/// <summary>
/// What a run's dispatcher and its listener have in common while both are on one silo: how far the listener has begun. So
/// messages that wait behind a slow one can be taken back and given to others. Thread-safe.
/// </summary>
internal sealed class BatchClaim
{
    // One number, so that it is read and changed as a whole: begun (31 bits), claimed (31 bits), reclaimed, seen.
    private const long Seen = 1;
    private const long Reclaimed = 2;
    private const int ClaimedAt = 2;
    private const int BegunAt = 33;

    private long _state;

    /// <summary>How many messages, from the first on, were left to the listener; null when nothing was taken back.</summary>
    public int? Left => Volatile.Read(ref _state) is var state && (state & Reclaimed) != 0 ? ClaimedOf(state) : null;

    /// <summary>The first message of the batch the listener is at.</summary>
    public int Begun => (int)(Volatile.Read(ref _state) >> BegunAt);

    /// <summary>The listener's side: begins the messages below an index; false when they were taken back.</summary>
    public bool TryClaim(int end)
    {
        while (true)
        {
            var state = Volatile.Read(ref _state);
            if ((state & Reclaimed) != 0)
            {
                return false;
            }

            var claimed = ((long)ClaimedOf(state) << BegunAt) | ((long)end << ClaimedAt) | Seen;
            if (Interlocked.CompareExchange(ref _state, claimed, state) == state)
            {
                return true;
            }
        }
    }

    /// <summary>
    /// The dispatcher's side: takes back what the listener has not begun. False when the listener was not seen yet, which
    /// is always so when it is on another silo.
    /// </summary>
    public bool TryReclaim()
    {
        while (true)
        {
            var state = Volatile.Read(ref _state);
            if ((state & Seen) == 0)
            {
                return false;
            }

            if (Interlocked.CompareExchange(ref _state, state | Reclaimed, state) == state)
            {
                return true;
            }
        }
    }

    private static int ClaimedOf(long state) => (int)(state >> ClaimedAt) & int.MaxValue;
}
