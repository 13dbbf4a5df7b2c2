namespace OrleansRocketMQ.Engine.Scheduling;

/// <summary>Gives up a storage that does not answer in time.</summary>
internal static class StorageTime
{
    /// <summary>Tells the storage by its token that it is given up, and does not wait for it even if it does not listen to that.</summary>
    /// <exception cref="TimeoutException">The time is over.</exception>
    /// <exception cref="OperationCanceledException">The caller does not want it any more.</exception>
    public static async Task LimitAsync(
        Func<CancellationToken, Task> work,
        TimeSpan limit,
        EngineRuntime runtime,
        CancellationToken cancellationToken)
    {
        using var cancellation = new IsolatedCancellation(runtime.Scheduler, cancellationToken);
        var working = work(cancellation.Token);
        try
        {
            await working.WaitAsync(limit, runtime.Time, cancellationToken);
        }
        catch (TimeoutException exception) when (!working.IsCompleted)
        {
            cancellation.Cancel();
            throw new TimeoutException($"no answer within {limit.TotalSeconds} s", exception);
        }
        catch (OperationCanceledException) when (!working.IsCompleted)
        {
            // Whoever waits here may hear of it before the token given to the storage does.
            cancellation.Cancel();
            throw;
        }
    }
}
