using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Retry;
using OrleansRocketMQ.Engine.Scheduling;

namespace OrleansRocketMQ.Engine.Dispatch.KeyOrdered;

/// <summary>
/// Gives the messages of each key to the key's own listener grain, wherever that lives, in order; different keys at the
/// same time, at most <see cref="ConsumerOptions.ConsumeThreadMax"/> calls at once. A message that fails waits and holds
/// up its key only, until it succeeds or goes to the dead letters. Messages without a key have no order: they go to a
/// grain of the slot that serves them, and back to the broker when they fail, as in concurrent consumption.
/// </summary>
/// <remarks>Attempts are counted in memory: after a restart or a move of the queue they count from the start.</remarks>
internal sealed partial class KeyOrderedDispatcher(
    ConsumerOptions options,
    IListeners listeners,
    RetryPublisher retry,
    EngineRuntime runtime,
    ILogger<KeyOrderedDispatcher> logger) : IQueueDispatcher
{
    // The runner ends a call that takes too long; see the concurrent dispatcher.
    private readonly TimeSpan _longestCall = AdaptiveBatchSizer.Limit + options.ConsumeTimeout + ListenerTimes.Grace;
    private readonly ConcurrentDictionary<IDispatchedQueue, KeyOrderedQueue> _queues = new();
    private readonly ReadyQueue _line = new(options, runtime, logger);
    private readonly AdaptiveBatchSizer _runLength = new();
    private readonly Lock _gate = new();
    private int _replaced;
    private int _idleLanes = KeyQueues.MostIdle;

    public bool KeepsFailedMessages => true;

    public void Start() => _line.Start(RunSlotAsync);

    public void Signal(IDispatchedQueue queue) => _line.Signal(queue);

    public Task StopAsync() => _line.StopAsync();

    public QueueSnapshot Describe(IDispatchedQueue queue, QueueSnapshot snapshot)
        => _queues.TryGetValue(queue, out var keyed) ? keyed.Describe(snapshot) : snapshot with { Keys = new() };

    public int InFlightOf(IDispatchedQueue queue) => _queues.TryGetValue(queue, out var keyed) ? keyed.InFlight : 0;

    private KeyOrderedQueue QueueOf(IDispatchedQueue pump)
    {
        if (_queues.TryGetValue(pump, out var known))
        {
            return known;
        }

        lock (_gate)
        {
            if (!_queues.TryGetValue(pump, out known))
            {
                var queue = known = _queues[pump] = new KeyOrderedQueue(
                    pump, options.KeySelector is null ? null : KeyOf, () => Volatile.Read(ref _idleLanes));
                _idleLanes = KeyQueues.IdleOf(_queues.Count);

                // At once when the queue has begun to stop already.
                pump.Stopping.UnsafeRegister(
                    _ =>
                    {
                        queue.Close();
                        _queues.TryRemove(pump, out KeyOrderedQueue? _);
                        Volatile.Write(ref _idleLanes, KeyQueues.IdleOf(_queues.Count));
                    },
                    null);
            }

            return known;
        }
    }

    private string? KeyOf(MessageExt message)
    {
        try
        {
            return options.KeySelector!(message);
        }
        catch (Exception exception)
        {
            Log.NoKey(logger, message.MessageId, options.Group, exception);
            return null;
        }
    }

    private async Task RunSlotAsync(int slot)
    {
        var slotListener = listeners.OfSlot(slot);
        while (await _line.NextAsync() is { } pump)
        {
            var queue = QueueOf(pump);
            var lane = queue.Take(_runLength.Batches * options.ConsumeBatchSize, out var messages);
            pump.Runs.LeaveLine();
            if (queue.HasWork)
            {
                _line.Signal(pump);
            }

            if (lane is null)
            {
                continue;
            }

            var turn = lane.Turn;
            try
            {
                if (await HandleAsync(queue, lane, messages, slotListener))
                {
                    slotListener = listeners.OfSlot(options.ConsumeThreadMax + Interlocked.Increment(ref _replaced) - 1);
                }
            }
            catch (InvariantBrokenException exception)
            {
                // The queue stands still from now on; the slot serves the others.
                pump.Fail(exception);
                Log.RuleBroken(logger, options.Group, pump.Queue, exception);
            }
            catch (Exception exception)
            {
                GiveUp(queue, lane, turn, exception);
            }
        }
    }

    /// <summary>
    /// Something failed that nobody knows of. A lane that is not given back would hold up its key for ever: nobody else has it.
    /// </summary>
    private void GiveUp(KeyOrderedQueue queue, KeyQueue lane, long turn, Exception exception)
    {
        if (queue.IsTaken(lane, turn))
        {
            BlockFor(queue, lane, options.RetryInterval, exception.Message);
        }

        queue.Pump.Fail(exception);
        Log.RunFailed(logger, options.Group, queue.Pump.Queue, lane.Key, options.RetryInterval, exception);
    }

    /// <summary>Has the first messages of a lane consumed.</summary>
    /// <returns>Whether the slot's own grain is stuck, so that the slot needs another one.</returns>
    private async Task<bool> HandleAsync(KeyOrderedQueue queue, KeyQueue lane, MessageExt[] messages, IListener slotListener)
    {
        if (lane.Stuck is { IsCompleted: false })
        {
            // Another call would only wait behind the first, and keep the slot from other keys.
            await FailStuckAsync(queue, lane, messages);
            return false;
        }

        if (messages[0].BodyError is { } unreadable)
        {
            await FailUnreadableAsync(queue, lane, messages, unreadable);
            return false;
        }

        var token = queue.Pump.ListenerToken;
        var call = Task.FromResult(ListenerOutcome.Refused);
        ListenerOutcome result;
        try
        {
            var listener = lane.Key is { } key ? lane.Listener ??= listeners.OfKey(key) : slotListener;
            if ((lane.AsksFirst || queue.Pump.DoListenersMove) && !await listener.IsReadyAsync(token))
            {
                lane.AsksFirst = true;
                BlockFor(queue, lane, ListenerTimes.AskAgainAfter, error: null);
                return false;
            }

            lane.AsksFirst = false;
            using var running = queue.Pump.Running.Begin(messages);
            call = listener.ConsumeAsync(CallOf(queue, lane, messages), token);
            result = await (call.IsCompleted ? call : call.WaitAsync(_longestCall, runtime.Time, token));
        }
        catch (OperationCanceledException) when (token.IsCancellationRequested)
        {
            // The queue's time to stop is over. Whatever the listener still does, the messages come again elsewhere, after it.
            return false;
        }
        catch (TimeoutException) when (!call.IsCompleted)
        {
            return await EndStuckAsync(queue, lane, messages, call);
        }
        catch (Exception exception) when (exception is not InvariantBrokenException)
        {
            BlockUnreachable(queue, lane, messages.Length, exception);
            return false;
        }

        if (result.IsRefused)
        {
            lane.AsksFirst = true;
            BlockFor(queue, lane, ListenerTimes.AskAgainAfter, error: null);
            return false;
        }

        await TakeAsync(queue, lane, messages, result);
        return false;
    }

    /// <inheritdoc cref="HandleAsync"/>
    private async Task<bool> EndStuckAsync(KeyOrderedQueue queue, KeyQueue lane, MessageExt[] messages, Task call)
    {
        var isSlots = lane.Key is null;
        lane.Stuck = isSlots ? null : call;
        Log.ListenerStuck(logger, options.Group, lane.Key, messages.Length, messages[0].MessageId);
        await FailStuckAsync(queue, lane, messages);
        return isSlots;
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

    private ListenerCall CallOf(KeyOrderedQueue queue, KeyQueue lane, MessageExt[] messages)
        => new(queue.Pump.Queue, messages, options.ConsumeBatchSize, AdaptiveBatchSizer.Limit, options.ConsumeTimeout)
        {
            InOrder = true,
            Ownership = queue.Pump.Ownership,
            Failures = lane.Failures,
        };

    /// <summary>The listener has ended: what succeeded is done, and the first that failed is decided about.</summary>
    private async Task TakeAsync(KeyOrderedQueue queue, KeyQueue lane, MessageExt[] messages, ListenerOutcome result)
    {
        _runLength.Learn(result.ListenerTime, (result.Consumed + options.ConsumeBatchSize - 1) / options.ConsumeBatchSize);
        queue.Pump.Statistics.Count(messages.AsSpan(0, result.Consumed), result.Failures, result.ListenerTime);
        queue.Pump.Statistics.CountTimedOut(result.TimedOut);
        var succeeded = result.Failures is { } failures ? failures[0].Index : result.Consumed;
        queue.Complete(lane, succeeded);
        if (succeeded == result.Consumed)
        {
            Release(queue, lane);
        }
        else
        {
            await FailAsync(queue, lane, new(messages, succeeded, result.Consumed - succeeded), result.Failures![0]);
        }
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

    private void Release(KeyOrderedQueue queue, KeyQueue lane)
    {
        queue.Release(lane);
        if (queue.HasWork)
        {
            _line.Signal(queue.Pump);
        }
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

    private static partial class Log
    {
        [LoggerMessage(
            191,
            LogLevel.Error,
            "Group {Group} cannot reach its listener grain of key {Key}; {Count} messages are tried again in {Wait}")]
        public static partial void ListenerUnreachable(
            ILogger logger, string group, string? key, int count, TimeSpan wait, Exception exception);

        [LoggerMessage(
            195,
            LogLevel.Error,
            "The listener of group {Group} is stuck with {Count} messages of key {Key} from {MessageId} on; they come again when it "
            + "is free, and other keys go on")]
        public static partial void ListenerStuck(ILogger logger, string group, string? key, int count, string messageId);

        [LoggerMessage(192, LogLevel.Error, "Message {MessageId} of group {Group} cannot be read and counts as failed")]
        public static partial void Unreadable(ILogger logger, string messageId, string group, Exception exception);

        [LoggerMessage(
            196, LogLevel.Critical, "Group {Group}: {Queue} stands still until it starts anew; this is a fault of OrleansRocketMQ")]
        public static partial void RuleBroken(ILogger logger, string group, MessageQueue queue, Exception exception);

        [LoggerMessage(
            197,
            LogLevel.Error,
            "Group {Group}: a run of {Queue} failed where nothing should; the messages of key {Key} are tried again in {Wait}")]
        public static partial void RunFailed(
            ILogger logger, string group, MessageQueue queue, string? key, TimeSpan wait, Exception exception);

        [LoggerMessage(
            194,
            LogLevel.Error,
            "The key selector of group {Group} failed on message {MessageId}, which is consumed as one without a key")]
        public static partial void NoKey(ILogger logger, string messageId, string group, Exception exception);

        [LoggerMessage(
            193,
            LogLevel.Warning,
            "Message {MessageId} of group {Group} went to the dead letters after {Attempts} attempts; its key {Key} goes on")]
        public static partial void Dead(ILogger logger, string messageId, string group, string key, int attempts);
    }
}
