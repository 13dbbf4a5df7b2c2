using OrleansRocketMQ.Engine.Contracts;

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
    /// may come twice, none is lost. As long as it holds its grain, each time that a batch might have taken is one more failure.
    /// </summary>
    private Task FailStuckAsync(KeyOrderedQueue queue, KeyQueue lane, MessageExt[] messages)
    {
        var count = lane.Key is null ? messages.Length : Math.Min(options.ConsumeBatchSize, messages.Length);
        var failed = new ArraySegment<MessageExt>(messages, 0, count);
        queue.Pump.Statistics.Count(failed, count, options.ConsumeTimeout, ErrorTypes.Timeout);
        queue.Pump.Statistics.CountTimedOut(count);
        return FailAsync(queue, lane, failed, FailedMessage.TimedOut(0, options.ConsumeTimeout), leastWait: options.ConsumeTimeout);
    }

    /// <summary>Decides about messages that failed together; they are the first of their lane.</summary>
    private async Task FailAsync(
        KeyOrderedQueue queue, KeyQueue lane, ArraySegment<MessageExt> failed, FailedMessage failure, TimeSpan leastWait = default)
    {
        if (lane.Key is null)
        {
            await SendBackAsync(queue, lane, failed, failure);
            return;
        }

        // Of a batch nobody knows which message is to blame. The first one comes again alone, then the next, so in the end
        // only the bad one has failed too often.
        var attempts = failed[0].ReconsumeTimes + lane.Failures;
        if (attempts >= options.MaxReconsumeTimes || failure.DelayLevel == FailedMessage.ToDeadLetters)
        {
            var outcome = await retry.FileAsDeadAsync(queue.Pump.Queue, failed[0], queue.Pump.ListenerToken, failure.Reason);
            if (outcome != PublishOutcome.NotTaken)
            {
                Log.Dead(logger, failed[0].MessageId, options.Group, lane.Key, attempts + 1);
                queue.Pump.Statistics.CountPublished(outcome, asDead: true);
                queue.Complete(lane, 1);
                Release(queue, lane);
                return;
            }
        }
        else
        {
            lane.Failures++;
            queue.Pump.Statistics.Metrics?.Retried(failed.Count);
        }

        var wait = runtime.BackOff(Math.Max(1, lane.Failures), options.KeyRetryBackoff, options.MaxKeyRetryBackoff);
        BlockFor(queue, lane, wait > leastWait ? wait : leastWait, failure.Error ?? "The listener wants it again.");
    }

    private async Task SendBackAsync(KeyOrderedQueue queue, KeyQueue lane, ArraySegment<MessageExt> failed, FailedMessage failure)
    {
        for (var index = 0; index < failed.Count; index++)
        {
            var outcome = await retry.SendBackAsync(
                queue.Pump.Queue, failed[index], failure.DelayLevel, queue.Pump.ListenerToken, failure.Reason);
            if (outcome == PublishOutcome.NotTaken)
            {
                BlockFor(queue, lane, ListenerTimes.RetryHereAfter, failure.Error);
                return;
            }

            queue.Pump.Statistics.CountPublished(outcome, asDead: retry.IsLast(failed[index], failure.DelayLevel));
            queue.Complete(lane, 1);
        }

        Release(queue, lane);
    }

    private void BlockFor(KeyOrderedQueue queue, KeyQueue lane, TimeSpan wait, string? error)
    {
        if (queue.Block(lane, error))
        {
            queue.Pump.Track(UnblockAfterAsync(queue, lane, wait));
        }
    }

    private async Task UnblockAfterAsync(KeyOrderedQueue queue, KeyQueue lane, TimeSpan wait)
    {
        try
        {
            await Task.Delay(wait, runtime.Time, queue.Pump.Stopping);
        }
        catch (OperationCanceledException)
        {
            // The queue stops; the lane has been emptied.
            return;
        }

        queue.Unblock(lane);
        _line.Signal(queue.Pump);
    }
}
