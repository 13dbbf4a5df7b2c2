using OrleansRocketMQ.Offsets;

namespace OrleansRocketMQ.Queues;

/// <summary>Goes on at another offset, because somebody wants it, or because somebody else has gone on with the queue.</summary>
internal sealed partial class QueuePump
{
    private readonly Func<bool> _isElsewhereWanted;
    private long _resetTo = -1;
    private volatile bool _isMoving;

    private bool IsResetWanted => Volatile.Read(ref _resetTo) >= 0;

    /// <summary>
    /// The queue goes on at the given offset: its pull is broken off, what no listener has got yet is dropped, what one
    /// works on ends first. Returns at once.
    /// </summary>
    public void ResetTo(long offset)
    {
        Volatile.Write(ref _resetTo, offset);
        PullAnew();
        _gauge.OnProgress();
    }

    private async Task ResetIfWantedAsync()
    {
        if (Interlocked.Exchange(ref _resetTo, -1) is var offset and >= 0)
        {
            Runs.DropWaiting();
            try
            {
                await MoveToAsync(offset).ConfigureAwait(false);
            }
            catch
            {
                // The broker did not take it; the wish stays, unless there is a newer one.
                Interlocked.CompareExchange(ref _resetTo, offset, -1);
                throw;
            }
        }
    }

    /// <summary>
    /// The broker has no such offset, or was told to reset it, and says where to go on. What is in flight ends first;
    /// then the broker gets the new offset, be it lower, and the queue begins there.
    /// </summary>
    private async Task MoveToAsync(long offset)
    {
        Log.OffsetMoved(_logger, Options.Group, Queue.Topic, Queue.BrokerName, Queue.QueueId, _nextOffset, offset);
        // What fails in order may stand still for long, or for ever: as in Java it is not waited for.
        if (!_consumer.Dispatcher.KeepsFailedMessages)
        {
            await _gauge.WaitUntilEmptyAsync(_stopping.Token).ConfigureAwait(false);
        }

        _isMoving = true;
        try
        {
            // Gone before the broker knows: what was done says nothing about what is to be done again.
            await ClearCheckpointAsync().ConfigureAwait(false);
            await _commits.MoveAsync(
                offset,
                () =>
                {
                    Runs.Restart(new ProcessQueue(offset, _holdings));
                    _nextOffset = offset;
                },
                _stopping.Token).ConfigureAwait(false);
        }
        finally
        {
            _isMoving = false;
        }
    }

    /// <summary>
    /// When the queue was fenced off: waits until this silo may work again, and sees whether another member has gone on with the
    /// queue meanwhile.
    /// </summary>
    private async Task PassFenceAsync()
    {
        if (!Runs.Gate.IsFenced)
        {
            return;
        }

        _recovery.LastError = new ConsumerStateException(Options.Group, "not sure to be part of the cluster", "go on with the queue before the membership is known");
        await _consumer.Fence.WaitUntilOpenAsync(_stopping.Token).ConfigureAwait(false);
        if (_nextOffset >= 0
            && await _consumer.Offsets.ReadAsync(Queue, OffsetReadMode.Store, _stopping.Token).ConfigureAwait(false) is { } stored
            && stored > Runs.Window.Watermark)
        {
            Log.OvertakenBehindFence(_logger, Options.Group, Queue.Topic, Queue.BrokerName, Queue.QueueId, Runs.Window.Watermark, stored);
            await _gauge.WaitUntilIdleAsync(_stopping.Token).ConfigureAwait(false);
            var progress = Runs.Window.Snapshot().From(stored);
            await _commits.ForgetAsync(
                () =>
                {
                    Runs.Restart(new ProcessQueue(progress, _holdings));
                    _nextOffset = progress.Watermark;
                },
                _stopping.Token).ConfigureAwait(false);
        }

        _recovery.Succeeded();
        Runs.Gate.Fence(closed: false);
        if (_consumer.Fence.IsClosed)
        {
            // Closed again in between; whoever closed it may have come before the line above.
            Runs.Gate.Fence(closed: true);
        }

        _consumer.Dispatcher.Signal(this);
    }
}
