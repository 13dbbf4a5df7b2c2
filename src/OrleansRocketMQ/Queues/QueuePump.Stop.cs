using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Dispatch;

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

    /// <summary>Waits no longer for listeners: their time to finish is over, however much of it was promised.</summary>
    public void Abandon() => IsolatedCancellation.CancelApart(_abandon);

    private async Task StopOnceAsync(TimeSpan budget)
    {
        // Closed before anybody can see the stop: from then on no listener gets another message.
        Runs.Close();
        Raise(QueueEventKind.Stop);
        await DespiteFailureAsync(_watchdog.StopAsync()).ConfigureAwait(false);
        await DespiteFailureAsync(_stopping.CancelAsync()).ConfigureAwait(false);
        await DespiteFailureAsync(_pumping).ConfigureAwait(false);
        // Messages on their way back to their broker are within the budget, too.
        await using var late = _time.CreateTimer(static stopped => ((QueuePump)stopped!).Abandon(), this, budget, Timeout.InfiniteTimeSpan);
        await DespiteFailureAsync(_tasks.WaitAsync()).ConfigureAwait(false);
        if (!await _pullFlow.WaitUntilIdleAsync(_abandon.Token).ConfigureAwait(false))
        {
            Abandoned = Runs.InFlight;
            StopLog.Abandoned(_logger, Options.Group, Queue.Topic, Queue.BrokerName, Queue.QueueId, Runs.InFlight, budget);
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
        catch (Exception exception)
        {
            StopLog.LastCommitFailed(_logger, Options.Group, Queue.Topic, Queue.BrokerName, Queue.QueueId, exception.Message);
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

    /// <summary>The queue is no more this silo's: what it held counts no more, and nobody decides about it any more.</summary>
    private void ReleaseResources()
    {
        _consumer.Offsets.Remove(Queue);
        _holdings.Close();
        _consumer.Flow.Close(Queue);
        _consumer.Statistics.Close(Queue);
    }

    /// <summary>Waits for what ends with the queue. Whatever became of it, the queue must be given up, or nobody could have it.</summary>
    private async Task DespiteFailureAsync(Task ending)
    {
        try
        {
            await ending.ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            StopLog.EndedBadly(_logger, Options.Group, Queue, exception);
        }
    }

    private static partial class StopLog
    {
        [LoggerMessage(134, LogLevel.Warning, "Group {Group} stops {Topic} {Broker}/{QueueId} with {Count} messages still in work after {Budget}; they will come again")]
        public static partial void Abandoned(ILogger logger, string group, string topic, string broker, int queueId, int count, TimeSpan budget);

        [LoggerMessage(135, LogLevel.Warning, "Group {Group} could not commit {Topic} {Broker}/{QueueId} at its stop; what is not committed will come again: {Reason}")]
        public static partial void LastCommitFailed(ILogger logger, string group, string topic, string broker, int queueId, string reason);

        [LoggerMessage(381, LogLevel.Error, "Group {Group}: a part of the work on {Queue} has failed at its stop; the queue is given up all the same")]
        public static partial void EndedBadly(ILogger logger, string group, MessageQueue queue, Exception exception);
    }
}
