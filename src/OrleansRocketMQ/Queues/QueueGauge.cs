using OrleansRocketMQ.Configuration;

namespace OrleansRocketMQ.Queues;

/// <summary>
/// Watches how full a queue's window is: lets the pump wait until there is room, and its owner until nothing is in
/// work. Woken by progress, so nobody polls. Thread-safe.
/// </summary>
internal sealed class QueueGauge(ConsumerOptions options, QueueRuns runs, bool limitsSpan = true)
{
    private readonly Lock _gate = new();
    private TaskCompletionSource? _progress;

    /// <summary>Whether the next pull fits: by messages, by bytes, and by how far it would run ahead of the slowest message.</summary>
    public bool HasRoom
    {
        get
        {
            var window = runs.Window;
            return window.Count < options.PullThresholdForQueue
                && window.Bytes < options.PullThresholdBytesForQueue
                && (!limitsSpan || window.Span < options.ConsumeMaxSpan);
        }
    }

    /// <summary>Some messages are done.</summary>
    public void OnProgress()
    {
        // The usual case: nobody waits. A waiter looks again after it has put its source here, so none is missed.
        if (Volatile.Read(ref _progress) is null)
        {
            return;
        }

        lock (_gate)
        {
            _progress?.TrySetResult();
            _progress = null;
        }
    }

    public ValueTask WaitForRoomAsync(CancellationToken cancellationToken)
        => HasRoom ? ValueTask.CompletedTask : new(WaitAsync(() => HasRoom, cancellationToken));

    public Task WaitUntilEmptyAsync(CancellationToken cancellationToken) => WaitAsync(() => runs.Window.Count == 0, cancellationToken);

    /// <summary>Waits until no listener has a message of the queue; false when cancelled before.</summary>
    public async Task<bool> WaitUntilIdleAsync(CancellationToken cancellationToken)
    {
        try
        {
            await WaitAsync(() => runs.InFlight == 0, cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private async Task WaitAsync(Func<bool> condition, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task progress;
            lock (_gate)
            {
                progress = (_progress ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            }

            Interlocked.MemoryBarrier();
            if (condition())
            {
                return;
            }

            await progress.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }
}
