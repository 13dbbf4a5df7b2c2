namespace OrleansRocketMQ.Engine.Scheduling;

/// <summary>Waits that go on by the scheduler of whoever waits, whoever ends them.</summary>
internal static class Waits
{
    /// <summary>Waits for a promise, or until nobody wants it any more.</summary>
    /// <exception cref="OperationCanceledException">Nobody wants it.</exception>
    public static async Task<T> OrCancelAsync<T>(Task<T> promise, CancellationToken cancellationToken)
    {
        await OrCancelAsync((Task)promise, cancellationToken);
        return await promise;
    }

    /// <inheritdoc cref="OrCancelAsync{T}"/>
    public static async Task OrCancelAsync(Task promise, CancellationToken cancellationToken)
    {
        if (!promise.IsCompleted && cancellationToken.CanBeCanceled)
        {
            var either = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            using var registration = cancellationToken.UnsafeRegister(static ends => ((TaskCompletionSource)ends!).TrySetResult(), either);
            _ = TellAsync(promise, either);
            await either.Task;
            if (!promise.IsCompleted)
            {
                throw new OperationCanceledException(cancellationToken);
            }
        }

        await promise;
    }

    /// <summary>Waits for a time, and never for less: timers count by a coarser clock, and may end some milliseconds early.</summary>
    /// <exception cref="OperationCanceledException">Nobody wants it any more.</exception>
    public static async Task AtLeastAsync(TimeSpan wait, TimeProvider time, CancellationToken cancellationToken)
    {
        var began = time.GetTimestamp();
        for (var left = wait; left > TimeSpan.Zero; left = wait - time.GetElapsedTime(began))
        {
            // They count whole milliseconds.
            await Task.Delay(TimeSpan.FromMilliseconds(Math.Ceiling(left.TotalMilliseconds)), time, cancellationToken);
        }
    }

    private static async Task TellAsync(Task promise, TaskCompletionSource either)
    {
        try
        {
            await promise;
        }
        catch (Exception)
        {
            // Whoever waits gets it from the promise.
        }

        either.TrySetResult();
    }
}
