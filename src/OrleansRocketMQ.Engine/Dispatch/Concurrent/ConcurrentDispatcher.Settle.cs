using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Window;

namespace OrleansRocketMQ.Engine.Dispatch.Concurrent;

/// <summary>How a run ends.</summary>
internal sealed partial class ConcurrentDispatcher
{
    /// <summary>Completes what succeeded; what failed is completed when the broker has it back, and kept when not.</summary>
    private async Task SettleAsync(
        IDispatchedQueue queue,
        DispatchWorker worker,
        ProcessQueueRange range,
        IReadOnlyList<FailedMessage>? failures,
        TimeSpan listenerTime)
    {
        queue.Statistics.Count(range.Messages, failures, listenerTime);
        if (failures is null || GivesUp(range, failures))
        {
            worker.Open = default;
            range.Complete();
            queue.OnProgress();
            return;
        }

        // First: what succeeded waits for no broker, which may take longer to answer than the queue has to stop.
        CompleteBetween(range, failures);
        worker.Open = default;
        var isTaken = true;
        foreach (var failure in failures)
        {
            isTaken = await SettleFailedAsync(queue, range.Slice(failure.Index, 1).Owned(), failure, isTaken);
        }

        queue.OnProgress();
    }

    private static void CompleteBetween(ProcessQueueRange range, IReadOnlyList<FailedMessage> failures)
    {
        var done = 0;
        foreach (var failure in failures)
        {
            Complete(failure.Index);
            done = failure.Index + 1;
        }

        Complete(range.Messages.Count);

        void Complete(int end)
        {
            if (end > done)
            {
                range.Slice(done, end - done).Complete();
            }
        }
    }

    /// <summary>Settles one that failed. Should that fail where nothing should, it alone comes again.</summary>
    /// <param name="queue">Its queue.</param>
    /// <param name="failed">The message.</param>
    /// <param name="failure">Why it failed.</param>
    /// <param name="isTaken">
    /// Whether the broker has taken those before: one that does not answer would hold the slot, which serves others too, once for each
    /// message behind.
    /// </param>
    /// <returns>Whether it has taken this one, too.</returns>
    private async Task<bool> SettleFailedAsync(IDispatchedQueue queue, ProcessQueueRange failed, FailedMessage failure, bool isTaken)
    {
        if (failure.StopsQueue)
        {
            queue.StopAt(options.Group, failed.Messages[0], failure.Error, logger);
            failed.Window.Return(failed.Alone());
            return isTaken;
        }

        if (TryGiveBack(queue, failed.Messages[0], failure))
        {
            failed.Complete();
            return isTaken;
        }

        var attempts = isTaken ? 1 : 0;
        try
        {
            isTaken = isTaken && await SendBackAsync(queue, failed.Messages[0], failure);
        }
        catch (Exception exception) when (exception is not InvariantBrokenException)
        {
            GiveUp(queue, failed.Alone(), exception);
            return isTaken;
        }

        if (isTaken)
        {
            failed.Complete();
        }
        else
        {
            queue.Track(GuardAsync(queue, SendBackAgainAsync(queue, failed.Alone(), failure, attempts)));
        }

        return isTaken;
    }

    /// <summary>A popped message that is to come again is its queue's matter; whether it was one.</summary>
    private bool TryGiveBack(IDispatchedQueue queue, MessageExt message, FailedMessage failure)
    {
        if (retry.IsLast(message, failure.DelayLevel) || !queue.TryGiveBack(message, retry.Rules.Timed(failure, message.ReconsumeTimes)))
        {
            return false;
        }

        queue.Statistics.CountPublished(PublishOutcome.Taken, asDead: false);
        return true;
    }

    /// <summary>Gives a failed message back to its broker; whether somebody has it.</summary>
    private async Task<bool> SendBackAsync(IDispatchedQueue queue, MessageExt message, FailedMessage failure)
    {
        var cause = retry.CauseOf(message, failure);
        var taken = await retry.SendBackAsync(queue.Queue, message, failure, queue.ListenerToken, cause);
        if (taken == PublishOutcome.NotTaken)
        {
            return false;
        }

        queue.Statistics.CountPublished(taken, asDead: retry.IsLast(message, failure.DelayLevel));
        return true;
    }

    private bool GivesUp(ProcessQueueRange range, IReadOnlyList<FailedMessage> failures)
        => failures.All(failure => !failure.StopsQueue && retry.GivesUp(range.Messages.AsSpan(failure.Index, 1)));

    /// <summary>Goes on trying to hand a message back while its slot serves others.</summary>
    private async Task SendBackAgainAsync(IDispatchedQueue queue, ProcessQueueRange failed, FailedMessage failure, int attempts)
    {
        PublishOutcome outcome;
        try
        {
            outcome = await retry.SendBackAgainAsync(
                queue.Queue,
                failed.Messages[0],
                failure,
                attempts,
                queue.Stopping,
                queue.ListenerToken,
                retry.CauseOf(failed.Messages[0], failure));
            queue.Statistics.CountPublished(outcome, asDead: retry.IsLast(failed.Messages[0], failure.DelayLevel));
        }
        catch (OperationCanceledException) when (queue.Stopping.IsCancellationRequested)
        {
            failed.Window.Return(failed);
            queue.OnProgress();
            return;
        }
        catch (MessageConsumeException exception)
        {
            queue.Fail(exception);
            Log.NotHandedBack(logger, exception.Message);
            await ReturnAfterAsync(queue, failed, ListenerTimes.RetryHereAfter);
            return;
        }
        catch (Exception exception)
        {
            GiveUp(queue, failed, exception);
            return;
        }

        failed.Complete();
        queue.OnProgress();
    }

    private async Task ReturnAfterAsync(IDispatchedQueue queue, ProcessQueueRange range, TimeSpan after)
    {
        try
        {
            await Task.Delay(after, runtime.Time, queue.Stopping);
        }
        catch (OperationCanceledException)
        {
            // The queue stops. What was not done stays uncommitted and comes again wherever the queue goes.
        }

        Return(queue, range);
        queue.OnProgress();
    }
}
