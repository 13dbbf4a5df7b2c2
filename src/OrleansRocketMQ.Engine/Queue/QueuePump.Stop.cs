using Microsoft.Extensions.Logging;

namespace OrleansRocketMQ.Engine.Queue;

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
            return _stopped ??= BeginStop(budget);
        }
    }

    /// <summary>Waits no longer for listeners: their time to finish is over, however much of it was promised.</summary>
    public void Abandon() => _runtime.Scheduler.Cancel(_abandon);

    private Task BeginStop(TimeSpan budget)
    {
        // Closed before anybody can see the stop: from then on no listener gets another message.
        Runs.Close();
        Raise(QueueEventKind.Stop);
        return _runtime.Scheduler.Run(() => StopOnceAsync(budget));
    }

    private async Task StopOnceAsync(TimeSpan budget)
    {
        await DespiteFailureAsync(_runtime.Scheduler.CancelAsync(_stopping));
        await DespiteFailureAsync(_pumping);
        if (State.Move is { Reason: MoveReason.Seek, IsStored: false })
        {
            // The loop stores it no more. The store may know of it all the same, and gets the offset of what is consumed instead.
            Raise(QueueEventKind.AttemptFailed);
        }

        // Messages on their way back to their broker are within the budget, too.
        await using var late = _time.CreateTimer(static stopped => ((QueuePump)stopped!).Abandon(), this, budget, Timeout.InfiniteTimeSpan);
        await DespiteFailureAsync(_tasks.WaitAsync());
        if (!await _pullFlow.WaitUntilIdleAsync(_abandon.Token))
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
                if (_clearedForMove != reset.Number && State.MayStore)
                {
                    await ClearCheckpointForAsync(reset);
                }

                await TellStoreAsync(reset, CancellationToken.None);
            }

            await _commits.LeaveAsync(Committable);
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
            await _environment.Locks!.ReleaseAsync(_lock);
        }
    }

    /// <summary>The queue is no more this silo's: what it held counts no more, and nobody decides about it any more.</summary>
    private void ReleaseResources()
    {
        _environment.Offsets.Remove(Queue);
        _holdings.Close();
        _environment.Group.CloseGate(Queue);
        _environment.Statistics.Close(Queue);
    }

    private Task DespiteFailureAsync(Task ending)
        => ending.DespiteFailureAsync(exception => StopLog.EndedBadly(_logger, Options.Group, Queue, exception));

    private static partial class StopLog
    {
        [LoggerMessage(
            134,
            LogLevel.Warning,
            "Group {Group} stops {Topic} {Broker}/{QueueId} with {Count} messages still in work after {Budget}; they will come again")]
        public static partial void Abandoned(
            ILogger logger, string group, string topic, string broker, int queueId, int count, TimeSpan budget);

        [LoggerMessage(
            135,
            LogLevel.Warning,
            "Group {Group} could not commit {Topic} {Broker}/{QueueId} at its stop; what is not committed will come again: {Reason}")]
        public static partial void LastCommitFailed(ILogger logger, string group, string topic, string broker, int queueId, string reason);

        [LoggerMessage(
            381,
            LogLevel.Error,
            "Group {Group}: a part of the work on {Queue} has failed at its stop; the queue is given up all the same")]
        public static partial void EndedBadly(ILogger logger, string group, MessageQueue queue, Exception exception);
    }
}
