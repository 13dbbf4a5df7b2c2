using OrleansRocketMQ.Framing;

namespace OrleansRocketMQ.Connections;

/// <summary>
/// A pull that waits for its answer. The object is used again for another pull as soon as its answer has been taken, so it
/// belongs to who takes it out of the table of its connection, and nobody else may end it: it may wait for something else by
/// then. Only one that was answered well is used again; what may still know of another finds it as it was.
/// </summary>
internal abstract class PendingPull : IPendingRequest
{
    private RemotingConnection? _connection;
    private CancellationTokenRegistration _cancellation;
    private int _opaque;
    private bool _mayBeCancelled;
    private volatile bool _ended;

    public int Code { get; private set; }

    public long StartedAt { get; private set; }

    public TimeSpan Timeout { get; private set; }

    public long Reads { get; private set; }

    public long Progress { get; private set; }

    public bool IsSent { get; set; }

    /// <summary>Whether it is one of those that are not meant to wait, see <see cref="RemotingConnection.IsBackedUp"/>.</summary>
    public bool Counts { get; private set; }

    /// <summary>Whether nothing but its answer can have got hold of it.</summary>
    protected bool IsFreeOfOthers { get; private set; }

    /// <summary>The connection it waits on.</summary>
    protected RemotingConnection Connection => _connection!;

    /// <summary>Before it is put into the table.</summary>
    /// <param name="connection">What it waits on.</param>
    /// <param name="opaque">Its place in the table.</param>
    /// <param name="code">What is asked.</param>
    /// <param name="startedAt">When.</param>
    /// <param name="timeout">For how long it may wait.</param>
    /// <param name="counts">See <see cref="Counts"/>.</param>
    /// <param name="mayBeCancelled">Whether a token is going to watch it; until it does, nobody may use this object again.</param>
    public void Begin(
        RemotingConnection connection, int opaque, int code, long startedAt, TimeSpan timeout, bool counts, bool mayBeCancelled)
    {
        _mayBeCancelled = mayBeCancelled;
        (_connection, _opaque, _ended, IsFreeOfOthers) = (connection, opaque, false, false);
        (Code, StartedAt, Timeout, Counts) = (code, startedAt, timeout, counts);
        (Reads, Progress) = connection.Traffic;

        // Told of only when its time is up, and by then it has long been sent or taken back.
        IsSent = true;
    }

    /// <summary>When it is in the table and before it is sent: a token ends it from now on.</summary>
    public void Watch(CancellationToken cancellationToken)
    {
        if (!_mayBeCancelled)
        {
            return;
        }

        _cancellation = cancellationToken.UnsafeRegister(static (state, token) => ((PendingPull)state!).Cancel(token), this);
        Interlocked.MemoryBarrier();
        if (_ended)
        {
            // Who ended it meanwhile did not see the registration.
            _cancellation.Unregister();
        }
    }

    /// <summary>Told by who has taken it out of the table, before he ends it.</summary>
    public void Taken()
    {
        _ended = true;
        Interlocked.MemoryBarrier();

        // Not waited for: all it can do is to look for the request in the table, and then the object is not used again.
        IsFreeOfOthers = !_mayBeCancelled || _cancellation.Unregister();
    }

    public abstract bool TrySetResult(RemotingCommand answer);

    public abstract bool TrySetException(Exception exception);

    /// <summary>Whether an answer with such a header may be given to <see cref="SetAnswer"/>; it may be a later pull's by now.</summary>
    public abstract bool Understands(in PullAnswerHeader header);

    /// <summary>Whether the answer's body may be of a pool.</summary>
    public abstract bool TakesPooled { get; }

    /// <summary>The answer to it.</summary>
    public abstract void SetAnswer(in PullAnswerHeader header, ReadOnlyMemory<byte> body);

    /// <summary>The caller gave up.</summary>
    protected abstract void SetCancelled(CancellationToken cancellationToken);

    /// <summary>It is done with, and must not keep what it waited on.</summary>
    protected void Forget() => (_connection, _cancellation) = (null, default);

    private void Cancel(CancellationToken cancellationToken)
    {
        if (Connection.TryTake(_opaque, this))
        {
            SetCancelled(cancellationToken);
        }
    }
}
