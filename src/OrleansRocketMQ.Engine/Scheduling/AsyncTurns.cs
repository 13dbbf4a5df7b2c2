namespace OrleansRocketMQ.Engine.Scheduling;

/// <summary>
/// Lets in so many at a time, in the order they came. Whoever waits goes on by its own scheduler, also when it is cancelled,
/// unlike with a semaphore. Thread-safe.
/// </summary>
internal sealed class AsyncTurns(int places = 1)
{
    private readonly Lock _gate = new();
    private readonly LinkedList<TaskCompletionSource> _waiting = new();
    private int _free = places;

    /// <summary>Waits for a turn, which is given back by <see cref="Release"/>.</summary>
    /// <exception cref="OperationCanceledException">Nobody wants it any more.</exception>
    public async Task TakeAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        LinkedListNode<TaskCompletionSource> waiter;
        lock (_gate)
        {
            if (_free > 0)
            {
                _free--;
                return;
            }

            waiter = _waiting.AddLast(new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }

        using var registration = cancellationToken.UnsafeRegister(
            static (waits, token) => ((TaskCompletionSource)waits!).TrySetCanceled(token), waiter.Value);
        try
        {
            await waiter.Value.Task;
        }
        catch (OperationCanceledException)
        {
            lock (_gate)
            {
                if (waiter.List is not null)
                {
                    _waiting.Remove(waiter);
                }
            }

            throw;
        }
    }

    /// <summary>Gives a turn back.</summary>
    public void Release()
    {
        lock (_gate)
        {
            while (_waiting.First is { } first)
            {
                _waiting.RemoveFirst();
                if (first.Value.TrySetResult())
                {
                    return;
                }
            }

            _free++;
        }
    }
}
