using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Scheduling;

namespace OrleansRocketMQ.Engine.Dispatch.KeyOrdered;

/// <summary>What becomes of messages that were not consumed, and of their keys.</summary>
internal sealed partial class KeyOrderedDispatcher
{
    /// <inheritdoc cref="HandleAsync"/>
    private async Task<bool> EndStuckAsync(KeyOrderedQueue queue, KeyQueue lane, MessageExt[] messages)
    {
        Log.ListenerStuck(logger, options.Group, lane.Key, messages.Length, messages[0].MessageId);
        await FailStuckAsync(queue, lane, messages);
        return lane.Key is null;
    }

    private async Task FailUnreadableAsync(KeyOrderedQueue queue, KeyQueue lane, MessageExt[] messages, Exception unreadable)
    {
        Log.Unreadable(logger, messages[0].MessageId, options.Group, unreadable);
        queue.Pump.Statistics.Count(messages, failures: 1, errorType: ErrorTypes.Unreadable);
        await FailAsync(queue, lane, messages, new FailedMessage(0, 0, unreadable.Message, ErrorTypes.Unreadable));
    }

    /// <summary>The way to the listener failed; nobody judged the messages, so this is no attempt.</summary>
    private void BlockUnreachable(KeyOrderedQueue queue, KeyQueue lane, int count, Exception exception)
    {
        queue.Pump.Fail(exception);
        Log.ListenerUnreachable(logger, options.Group, lane.Key, count, options.RetryInterval, exception);
        BlockFor(queue, lane, options.RetryInterval, exception.Message);
    }

    /// <summary>
    /// Nobody knows how far the listener is: of a key its first batch counts as not consumed in time, without a key all do. Some
    /// may come twice, none is lost. As long as it holds its grain, each time that a batch might have taken is one more failure; when
    /// it ends the key goes on.
    /// </summary>
    private Task FailStuckAsync(KeyOrderedQueue queue, KeyQueue lane, MessageExt[] messages)
    {
        var count = lane.Key is null ? messages.Length : Math.Min(options.ConsumeBatchSize, messages.Length);
        var failed = new ArraySegment<MessageExt>(messages, 0, count);
        queue.Pump.Statistics.Count(failed, count, options.ConsumeTimeout, ErrorTypes.Timeout);
        queue.Pump.Statistics.CountTimedOut(count);
        return FailAsync(queue, lane, failed, FailedMessage.TimedOut(0, options.ConsumeTimeout), lane.Stuck);
    }

    /// <summary>
    /// Ends a run of which some failed. What the listener has rejected is filed, and the key goes on behind it; the first that
    /// has failed in another way holds up all behind it.
    /// </summary>
    private async Task EndAsync(
        KeyOrderedQueue queue, KeyQueue lane, ArraySegment<MessageExt> messages, IReadOnlyList<FailedMessage> failures)
    {
        var done = 0;
        foreach (var failure in failures)
        {
            queue.Complete(lane, failure.Index - done);
            done = failure.Index;
            if (failure.StopsQueue)
            {
                queue.Pump.StopAt(options.Group, messages[done], failure.Error, logger);
                Release(queue, lane);
                return;
            }

            if (lane.Key is null)
            {
                if (!await SendBackAsync(queue, lane, messages[done], failure))
                {
                    return;
                }
            }
            else if (!failure.IsRejected || !await FileAsync(queue, lane, messages[done], failure))
            {
                await FailAsync(queue, lane, messages[done..], failure);
                return;
            }

            done++;
        }

        Continue(queue, queue.End(lane, messages.Count - done, Enough));
    }

    /// <summary>Decides about messages that failed together; they are the first of their lane.</summary>
    private async Task FailAsync(
        KeyOrderedQueue queue, KeyQueue lane, ArraySegment<MessageExt> failed, FailedMessage failure, Task? stuck = null)
    {
        if (lane.Key is null)
        {
            foreach (var message in failed)
            {
                if (!await SendBackAsync(queue, lane, message, failure))
                {
                    return;
                }
            }

            Release(queue, lane);
            return;
        }

        // Of a batch nobody knows which message is to blame. The first one comes again alone, then the next, so in the end
        // only the bad one has failed too often.
        var attempts = failed[0].ReconsumeTimes + lane.Failures;
        if (attempts >= retry.Rules.MaxReconsumeTimes || failure.DelayLevel == FailedMessage.ToDeadLetters)
        {
            if (await FileAsync(queue, lane, failed[0], failure))
            {
                Release(queue, lane);
                return;
            }
        }
        else
        {
            if (lane.Failures++ == 0)
            {
                lane.FirstFailed = failed[0].ReconsumeTimes == 0 ? runtime.Time.GetUtcNow() : null;
            }

            queue.Pump.Statistics.Metrics?.Retried(failed.Count);
        }

        var wait = runtime.BackOff(Math.Max(1, lane.Failures), options.KeyRetryBackoff, options.MaxKeyRetryBackoff);
        wait = retry.Rules.DelayAfter(attempts) ?? wait;
        BlockFor(queue, lane, failure.RetryAfter ?? wait, failure.Error ?? "The listener wants it again.", stuck);
    }

    /// <summary>Files the first message of a key's lane under dead letters; whether somebody has it.</summary>
    private async Task<bool> FileAsync(KeyOrderedQueue queue, KeyQueue lane, MessageExt message, FailedMessage failure)
    {
        var attempts = message.ReconsumeTimes + lane.Failures + 1;
        var cause = failure.ToCause(attempts, runtime.Time.GetUtcNow(), lane.Failures > 0 ? lane.FirstFailed : null);
        var outcome = await retry.FileAsDeadAsync(queue.Pump.Queue, message, queue.Pump.ListenerToken, cause);
        if (outcome == PublishOutcome.NotTaken)
        {
            return false;
        }

        Log.Dead(logger, message.MessageId, options.Group, lane.Key!, attempts);
        queue.Pump.Statistics.CountPublished(outcome, asDead: true);
        queue.Complete(lane, 1);
        return true;
    }

    /// <summary>Gives the first message of a lane without a key back to the broker; when nobody takes it the lane waits.</summary>
    private async Task<bool> SendBackAsync(KeyOrderedQueue queue, KeyQueue lane, MessageExt message, FailedMessage failure)
    {
        var outcome = await retry.SendBackAsync(
            queue.Pump.Queue, message, failure, queue.Pump.ListenerToken, retry.CauseOf(message, failure));
        if (outcome == PublishOutcome.NotTaken)
        {
            BlockFor(queue, lane, ListenerTimes.RetryHereAfter, failure.Error);
            return false;
        }

        queue.Pump.Statistics.CountPublished(outcome, asDead: retry.IsLast(message, failure.DelayLevel));
        queue.Complete(lane, 1);
        return true;
    }

    private void BlockFor(KeyOrderedQueue queue, KeyQueue lane, TimeSpan wait, string? error, Task? stuck = null)
    {
        var turn = lane.Turn;
        if (queue.Block(lane, error))
        {
            queue.Pump.Track(UnblockAfterAsync(queue, lane, turn, wait, stuck));
        }
    }

    private async Task UnblockAfterAsync(KeyOrderedQueue queue, KeyQueue lane, long turn, TimeSpan wait, Task? stuck)
    {
        var began = runtime.Time.GetTimestamp();
        try
        {
            await Waits.AtLeastAsync(wait, runtime.Time, queue.Pump.Stopping);
            var left = options.ConsumeTimeout - runtime.Time.GetElapsedTime(began);
            if (stuck is not null && left > TimeSpan.Zero)
            {
                using var call = new CallWait(runtime.Time);
                await call.WaitAsync(stuck, left, queue.Pump.Stopping);
            }
        }
        catch (OperationCanceledException)
        {
            // The queue stops; the lane has been emptied.
            return;
        }

        queue.Unblock(lane, turn);
        _line.Signal(queue.Pump);
    }
}
