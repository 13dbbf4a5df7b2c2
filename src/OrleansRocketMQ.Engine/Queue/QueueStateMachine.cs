namespace OrleansRocketMQ.Engine.Queue;

/// <summary>Somebody wants a queue to go on at an offset, and may wait for it.</summary>
internal sealed class SeekRequest
{
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>
    /// Ends when the offset is stored and the queue is there, or a later seek has taken its place; cancelled when the queue
    /// does not go there.
    /// </summary>
    public Task Done => _done.Task;

    /// <summary>The number of the queue's move there.</summary>
    public int Move { get; set; }

    public void Complete() => _done.TrySetResult();

    public void Cancel() => _done.TrySetCanceled();
}

/// <summary>
/// Holds the state of one queue and the seek that waits for it, and applies events to them one after the other. Thread-safe.
/// </summary>
/// <param name="first">The state the queue is in at first.</param>
/// <param name="changed">Hears of every new state, in order; must be quick and call nobody back.</param>
/// <param name="observe">Sees every event, in order, with the state it meets; null where nobody looks.</param>
internal sealed class QueueStateMachine(QueueState first, Action<QueueState> changed, Action<QueueState, QueueEvent>? observe = null)
{
    private readonly Lock _gate = new();
    private QueueState _current = first;
    private SeekRequest? _seek;

    public QueueState Current => Volatile.Read(ref _current);

    /// <summary>Something has happened.</summary>
    /// <param name="happened">What.</param>
    /// <param name="onlyIn">The state it was found out in, when it says nothing of a later one; else null.</param>
    /// <returns>What is to be done.</returns>
    public QueueActions Raise(QueueEvent happened, QueueState? onlyIn = null)
    {
        lock (_gate)
        {
            return onlyIn is null || ReferenceEquals(onlyIn, _current) ? Apply(happened, seek: null) : QueueActions.None;
        }
    }

    /// <summary>Somebody wants the queue to go on at an offset.</summary>
    public SeekRequest Seek(long offset, out QueueActions actions)
    {
        var seek = new SeekRequest();
        lock (_gate)
        {
            actions = Apply(QueueEvent.SeekAsked(offset), seek);
        }

        return seek;
    }

    private QueueActions Apply(QueueEvent happened, SeekRequest? seek)
    {
        observe?.Invoke(_current, happened);
        var (next, actions) = _current.Next(happened);
        if (actions.HasFlag(QueueActions.RefuseSeek))
        {
            seek!.Cancel();
            return actions;
        }

        if (actions.HasFlag(QueueActions.CompleteSeek))
        {
            _seek?.Complete();
        }
        else if (actions.HasFlag(QueueActions.CancelSeek))
        {
            _seek?.Cancel();
        }

        if (seek is not null)
        {
            seek.Move = next.Move!.Number;
            _seek = seek;
        }

        if (!ReferenceEquals(next, _current))
        {
            Volatile.Write(ref _current, next);
            changed(next);
        }

        return actions;
    }
}
