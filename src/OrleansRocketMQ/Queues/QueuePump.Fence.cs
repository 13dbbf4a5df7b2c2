using OrleansRocketMQ.Offsets;

namespace OrleansRocketMQ.Queues;

/// <summary>Leaves the queue alone while it is in doubt that it is this silo's, and finds out what became of it meanwhile.</summary>
internal sealed partial class QueuePump
{
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
