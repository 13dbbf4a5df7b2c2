namespace OrleansRocketMQ.Queues;

/// <summary>Ends a queue on this silo.</summary>
internal sealed partial class QueuePump
{
    /// <summary>
    /// Stops pulling, lets listeners finish within <paramref name="budget"/>, tells the broker how far the queue is.
    /// Safe to call more than once.
    /// </summary>
    public Task StopAsync(TimeSpan budget)
    {
        lock (_tasks)
        {
            return _stopped ??= StopOnceAsync(budget);
        }
    }

    private async Task StopOnceAsync(TimeSpan budget)
    {
        // Closed before anybody can see the stop: from then on no listener gets another message.
        Runs.Close();
        Raise(QueueEventKind.Stop);
        await _watchdog.StopAsync().ConfigureAwait(false);
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _pumping.ConfigureAwait(false);
        // Messages on their way back to their broker are within the budget, too.
        _ = AbandonAfterAsync(budget);
        await _tasks.WaitAsync().ConfigureAwait(false);
        if (!await _pullFlow.WaitUntilIdleAsync(_abandon.Token).ConfigureAwait(false))
        {
            Abandoned = Runs.InFlight;
            Log.Abandoned(_logger, Options.Group, Queue.Topic, Queue.BrokerName, Queue.QueueId, Runs.InFlight, budget);
        }

        NoteIdle();
        try
        {
            if (State.Move is { Reason: MoveReason.Reset, IsStored: false } reset)
            {
                // The broker will not say so again.
                await TellStoreAsync(reset, CancellationToken.None).ConfigureAwait(false);
            }

            await _commits.LeaveAsync(Committable).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is RocketMQException or ObjectDisposedException)
        {
            Log.LastCommitFailed(_logger, Options.Group, Queue.Topic, Queue.BrokerName, Queue.QueueId, exception.Message);
        }
        finally
        {
            Raise(QueueEventKind.Ended);
            ReleaseResources();
        }

        if (_lock is not null)
        {
            // Last of all: whoever gets the lock begins at what has just been committed.
            await _consumer.Locks!.ReleaseAsync(_lock).ConfigureAwait(false);
        }
    }

    // No timer of the source's own: it would run a listener's callbacks, and what one of them throws would end the process.
    private async Task AbandonAfterAsync(TimeSpan budget)
    {
        await Task.Delay(budget, _time, CancellationToken.None).ConfigureAwait(false);
        Abandon();
    }

    /// <summary>The queue is no more this silo's: what it held counts no more, and nobody decides about it any more.</summary>
    private void ReleaseResources()
    {
        _consumer.Offsets.Remove(Queue);
        _holdings.Close();
        _consumer.Flow.Close(Queue);
        _consumer.Statistics.Close(Queue);
    }
}
