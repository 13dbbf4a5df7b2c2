namespace OrleansRocketMQ.Engine.Ports;

/// <summary>
/// What a run's dispatcher and its listener have in common while both are on one silo: how far the listener has begun. So
/// messages that wait behind a slow one can be taken back and given to others. Thread-safe.
/// </summary>
internal sealed class BatchClaim
{
    private readonly Lock _gate = new();
    private int? _claimed;
    private int _begun;
    private bool _reclaimed;

    /// <summary>How many messages, from the first on, were left to the listener; null when nothing was taken back.</summary>
    public int? Left
    {
        get
        {
            lock (_gate)
            {
                return _reclaimed ? _claimed : null;
            }
        }
    }

    /// <summary>The first message of the batch the listener is at.</summary>
    public int Begun
    {
        get
        {
            lock (_gate)
            {
                return _begun;
            }
        }
    }

    /// <summary>The listener's side: begins the messages below an index; false when they were taken back.</summary>
    public bool TryClaim(int end)
    {
        lock (_gate)
        {
            if (!_reclaimed)
            {
                _begun = _claimed ?? 0;
                _claimed = end;
            }

            return !_reclaimed;
        }
    }

    /// <summary>
    /// The dispatcher's side: takes back what the listener has not begun. False when the listener was not seen yet, which
    /// is always so when it is on another silo.
    /// </summary>
    public bool TryReclaim()
    {
        lock (_gate)
        {
            return _reclaimed = _claimed is not null;
        }
    }
}
