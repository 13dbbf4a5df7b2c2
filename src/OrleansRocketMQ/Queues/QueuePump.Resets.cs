namespace OrleansRocketMQ.Queues;

/// <summary>Goes on at another offset, because somebody wants it or the broker says so.</summary>
internal sealed partial class QueuePump
{
    private readonly Func<bool> _isElsewhereWanted;
    private ResetWish? _wish;
    private volatile bool _isMoving;

    private bool IsResetWanted => Volatile.Read(ref _wish) is not null;

    /// <summary>
    /// The queue goes on at the given offset: its pull is broken off, what no listener has got yet is dropped, what one
    /// works on ends first. Holds for a queue that is paused or has stopped because of failures, too.
    /// </summary>
    /// <returns>
    /// Ends when the offset is stored and the queue is there, or a later wish has taken its place; cancelled when the queue
    /// stops here before.
    /// </returns>
    public Task ResetTo(long offset)
    {
        var wish = new ResetWish(offset);
        Interlocked.Exchange(ref _wish, wish)?.Done.TrySetResult();
        if (_stopping.IsCancellationRequested)
        {
            // Either the stop sees the wish, or the wish sees the stop.
            wish.Done.TrySetCanceled();
        }

        PullAnew();
        _gauge.OnProgress();
        _recovery.GoOn();
        return wish.Done.Task;
    }

    private async Task ResetIfWantedAsync()
    {
        if (Interlocked.Exchange(ref _wish, null) is not { } wish)
        {
            return;
        }

        try
        {
            Log.Reset(_logger, Options.Group, Queue.Topic, Queue.BrokerName, Queue.QueueId, _nextOffset, wish.Offset);
            Runs.DropWaiting();
            Runs.Hold();

            // What fails in order may stand still for long, or for ever: as in Java it is not waited for.
            if (!_consumer.Dispatcher.KeepsFailedMessages && !await _gauge.WaitUntilIdleAsync(_stopping.Token).ConfigureAwait(false))
            {
                throw new OperationCanceledException(_stopping.Token);
            }

            await BeginAtAsync(wish.Offset).ConfigureAwait(false);
            wish.Done.TrySetResult();
        }
        catch
        {
            // The broker did not take it, or the queue stops; the wish stays, unless there is a newer one.
            if (Interlocked.CompareExchange(ref _wish, wish, null) is not null)
            {
                wish.Done.TrySetResult();
            }

            throw;
        }
    }

    /// <summary>
    /// The broker has no such offset and says where to go on. What is in flight ends first; then the broker gets the new
    /// offset, be it lower, and the queue begins there. A store that does not take it gets it later: asking on for an offset
    /// that the broker does not have would only go on until there are messages beyond it, which then are lost.
    /// </summary>
    private async Task MoveToAsync(long offset)
    {
        Log.OffsetMoved(_logger, Options.Group, Queue.Topic, Queue.BrokerName, Queue.QueueId, _nextOffset, offset);
        // What fails in order may stand still for long, or for ever: as in Java it is not waited for.
        if (!_consumer.Dispatcher.KeepsFailedMessages)
        {
            await _gauge.WaitUntilEmptyAsync(_stopping.Token).ConfigureAwait(false);
        }

        await BeginAtAsync(offset, evenIfNotStored: true).ConfigureAwait(false);
    }

    /// <summary>The store gets the offset, be it lower, and then the queue begins there. What is still in work counts no more.</summary>
    private async Task BeginAtAsync(long offset, bool evenIfNotStored = false)
    {
        _isMoving = true;
        try
        {
            // Gone before the store knows: what was done says nothing about what is to be done again. Where somebody wants the
            // messages and may be told that he cannot have them yet, a record that stays would hide them after a crash.
            await ClearCheckpointAsync(orLeaveIt: evenIfNotStored).ConfigureAwait(false);
            await _commits.MoveAsync(
                offset,
                () =>
                {
                    Runs.Restart(new ProcessQueue(offset, _holdings));
                    _nextOffset = offset;
                },
                _stopping.Token,
                evenIfNotStored).ConfigureAwait(false);
        }
        finally
        {
            _isMoving = false;
        }
    }

    private void DropWish() => Interlocked.Exchange(ref _wish, null)?.Done.TrySetCanceled();

    private sealed record ResetWish(long Offset)
    {
        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
