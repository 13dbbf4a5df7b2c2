namespace OrleansRocketMQ.Engine.Scheduling;

/// <summary>
/// Wakes the one who waits; while nobody does, one call is kept for the next wait. Whoever waits goes on by its own
/// scheduler. For one waiter at a time; may be called by anybody.
/// </summary>
internal sealed class WakeUp
{
    private readonly Lock _gate = new();
    private TaskCompletionSource<bool>? _waiter;
    private bool _isCalled;

    public void Call()
    {
        lock (_gate)
        {
            var waiter = _waiter;
            _waiter = null;
            _isCalled = waiter?.TrySetResult(true) != true;
        }
    }

    /// <summary>Waits until it is called, at most that long.</summary>
    /// <returns>Whether it was called.</returns>
    /// <exception cref="OperationCanceledException">Nobody waits any more.</exception>
    public async Task<bool> WaitAsync(TimeSpan? longest, TimeProvider time, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        TaskCompletionSource<bool> waiter;
        lock (_gate)
        {
            if (_isCalled)
            {
                _isCalled = false;
                return true;
            }

            _waiter = waiter = new(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        using var over = longest is { } limit
            ? time.CreateTimer(
                static waits => ((TaskCompletionSource<bool>)waits!).TrySetResult(false),
                waiter,
                limit > TimeSpan.Zero ? limit : TimeSpan.Zero,
                Timeout.InfiniteTimeSpan)
            : null;
        using var registration = cancellationToken.UnsafeRegister(
            static (waits, token) => ((TaskCompletionSource<bool>)waits!).TrySetCanceled(token), waiter);
        try
        {
            return await waiter.Task;
        }
        finally
        {
            lock (_gate)
            {
                if (ReferenceEquals(_waiter, waiter))
                {
                    _waiter = null;
                }
            }
        }
    }
}
