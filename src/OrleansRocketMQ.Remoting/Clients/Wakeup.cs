namespace OrleansRocketMQ.Clients;

/// <summary>Lets a loop wait for a time or until somebody has something for it to do, whichever comes first.</summary>
internal sealed class Wakeup(TimeProvider time)
{
    private TaskCompletionSource _signal = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Ends the wait, or the next one if nobody waits now.</summary>
    public void Set() => Volatile.Read(ref _signal).TrySetResult();

    /// <summary>Waits. What is signalled from the return on ends the next wait.</summary>
    /// <exception cref="OperationCanceledException">Cancelled by the caller.</exception>
    public async Task WaitAsync(TimeSpan atMost, CancellationToken cancellationToken)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var expiry = Task.Delay(atMost > TimeSpan.Zero ? atMost : TimeSpan.Zero, time, ended.Token);
        await Task.WhenAny(Volatile.Read(ref _signal).Task, expiry).ConfigureAwait(false);
        cancellationToken.ThrowIfCancellationRequested();
        await ended.CancelAsync().ConfigureAwait(false);
        if (_signal.Task.IsCompleted)
        {
            // The caller looks for work after this, and so finds what came before it.
            Volatile.Write(ref _signal, new(TaskCreationOptions.RunContinuationsAsynchronously));
        }
    }
}
