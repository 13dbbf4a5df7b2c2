namespace OrleansRocketMQ.Storage;

/// <summary>Gives up a storage that does not answer in time.</summary>
internal static class StorageTime
{
    /// <summary>Tells the storage by its token that it is given up, and does not wait for it even if it does not listen to that.</summary>
    /// <exception cref="TimeoutException">The time is over.</exception>
    /// <exception cref="OperationCanceledException">The caller does not want it any more.</exception>
    public static async Task LimitAsync(Func<CancellationToken, Task> work, TimeSpan limit, TimeProvider time, CancellationToken cancellationToken)
    {
        using var tooLate = new CancellationTokenSource(limit, time);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(tooLate.Token, cancellationToken);
        try
        {
            await work(ending.Token).WaitAsync(ending.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException exception) when (tooLate.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"no answer within {limit.TotalSeconds} s", exception);
        }
    }
}
