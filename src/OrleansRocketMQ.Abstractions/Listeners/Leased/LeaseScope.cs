namespace OrleansRocketMQ;

/// <summary>
/// One call after the other in which messages may be read. What was given in a call knows the call's number, so that the next one
/// takes no new object. Thread-safe.
/// </summary>
internal sealed class LeaseScope
{
    private long _call;

    /// <summary>A call begins; its number.</summary>
    public long Begin() => Interlocked.Increment(ref _call);

    /// <summary>The call has ended.</summary>
    public void End() => Interlocked.Increment(ref _call);

    /// <exception cref="ObjectDisposedException">The call has ended.</exception>
    public void Check(long call)
    {
        if (Volatile.Read(ref _call) != call)
        {
            throw new ObjectDisposedException(
                nameof(LeasedMessage),
                "The call that the message was leased for has ended. It may be read only inside of the listener's call; "
                    + $"{nameof(LeasedMessage.ToOwned)}() makes a copy that stays.");
        }
    }
}
