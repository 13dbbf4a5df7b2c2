using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
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
    private const int WorthACall = 8;

    // The runner ends a call that takes too long; see the concurrent dispatcher.
    private readonly TimeSpan _longestCall = AdaptiveBatchSizer.Limit + options.ConsumeTimeout + ListenerTimes.Grace;
    private readonly ConcurrentDictionary<IDispatchedQueue, KeyOrderedQueue> _queues = new();
    private readonly ReadyQueue _line = new(options, runtime, logger);
    private readonly AdaptiveBatchSizer _runLength = new();
    private readonly Lock _gate = new();
    private int _replaced;
    private int _idleLanes = KeyQueues.MostIdle;

    public bool KeepsOrder => true;

    public bool KeepsFailedMessages => true;

    // A call costs about what a fast listener takes for some messages.
    private int Enough => _runLength.Batches >= WorthACall ? Math.Max(WorthACall, options.ConsumeBatchSize) : 1;

    public void Start() => _line.Start(RunSlotAsync);

    public void Signal(IDispatchedQueue queue) => _line.Signal(queue);

    public Task StopAsync() => _line.StopAsync();

    public QueueSnapshot Describe(IDispatchedQueue queue, QueueSnapshot snapshot)
        => _queues.TryGetValue(queue, out var keyed) ? keyed.Describe(snapshot) : snapshot with { Keys = new() };

    public int InFlightOf(IDispatchedQueue queue) => _queues.TryGetValue(queue, out var keyed) ? keyed.InFlight : 0;

    private KeyOrderedQueue QueueOf(IDispatchedQueue pump) => _queues.TryGetValue(pump, out var known) ? known : Open(pump);

    private KeyOrderedQueue Open(IDispatchedQueue pump)
    {
        lock (_gate)
        {
            if (!_queues.TryGetValue(pump, out var known))
            {
                var queue = known = _queues[pump] = new KeyOrderedQueue(
                    pump,
                    options.KeySelector is null ? null : KeyOf,
                    () => Volatile.Read(ref _idleLanes),
                    new KeyGathering(runtime.Time, Math.Min(options.PullThresholdForQueue, options.MaxCachedMessagesPerQueue) / 2));
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
        using var wait = new CallWait(runtime.Time);
        var slotListener = listeners.OfSlot(slot);
        while (await _line.NextAsync() is { } pump)
        {
            var queue = QueueOf(pump);
            var lane = queue.Take(_runLength.Batches * options.ConsumeBatchSize, Enough, out var messages);
            pump.Runs.LeaveLine();
            Continue(queue, queue.HasWork(Enough));
            if (lane is null)
            {
                continue;
            }

            var turn = lane.Turn;
            try
            {
                if (await HandleAsync(queue, lane, messages, slotListener, wait))
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
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<bool> HandleAsync(
        KeyOrderedQueue queue, KeyQueue lane, MessageExt[] messages, IListener slotListener, CallWait wait)
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
        ListenerOutcome? outcome;
        try
        {
            var listener = lane.Key is { } key ? lane.Listener ??= listeners.OfKey(key) : slotListener;
            if ((lane.AsksFirst || queue.Pump.DoListenersMove) && !await listener.IsReadyAsync(token))
            {
                AskFirst(queue, lane);
                return false;
            }

            lane.AsksFirst = false;
            outcome = await CallAsync(queue, lane, messages, listener, wait);
        }
        catch (OperationCanceledException) when (token.IsCancellationRequested)
        {
            // The queue's time to stop is over. Whatever the listener still does, the messages come again elsewhere, after it.
            return false;
        }
        catch (Exception exception) when (exception is not InvariantBrokenException)
        {
            BlockUnreachable(queue, lane, messages.Length, exception);
            return false;
        }

        if (outcome is not { } result)
        {
            return await EndStuckAsync(queue, lane, messages);
        }

        if (result.IsRefused)
        {
            BlockRefused(queue, lane, result.Held);
            return false;
        }

        await TakeAsync(queue, lane, messages, result);
        return false;
    }

    /// <summary>The lane's listener has taken nothing, because it can take nothing just now or is on its way to another silo.</summary>
    private void BlockRefused(KeyOrderedQueue queue, KeyQueue lane, string? held)
    {
        if (held is null)
        {
            AskFirst(queue, lane);
        }
        else
        {
            BlockFor(queue, lane, ListenerTimes.AskHeldAfter, held);
        }
    }

    /// <summary>The lane's listener is on its way to another silo: it is asked before it is called again.</summary>
    private void AskFirst(KeyOrderedQueue queue, KeyQueue lane)
    {
        lane.AsksFirst = true;
        BlockFor(queue, lane, ListenerTimes.AskAgainAfter, error: null);
    }

    /// <summary>Calls a listener. Null when it has not ended in its time; the lane of a key knows the call from then on.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<ListenerOutcome?> CallAsync(
        KeyOrderedQueue queue, KeyQueue lane, MessageExt[] messages, IListener listener, CallWait wait)
    {
        var token = queue.Pump.ListenerToken;
        using var running = queue.Pump.Running.Begin(messages);
        var named = wait.Renewal.Begin();
        var call = listener.ConsumeAsync(CallOf(queue, lane, messages, named), token);
        if (await wait.EndOfAsync(call, listener, named, _longestCall, token) is { State: CallState.Ended } end)
        {
            return end.Outcome;
        }

        lane.Stuck = lane.Key is null ? null : call;
        return null;
    }

    private ListenerCall CallOf(KeyOrderedQueue queue, KeyQueue lane, MessageExt[] messages, RenewableCall named)
        => new(queue.Pump.Queue, messages, options.ConsumeBatchSize, AdaptiveBatchSizer.Limit, options.ConsumeTimeout)
        {
            InOrder = true,
            Ownership = queue.Pump.Ownership,
            Failures = lane.Failures,
            Renewable = named,
        };

    /// <summary>The listener has ended: what succeeded is done, and the first that failed is decided about.</summary>
    private async Task TakeAsync(KeyOrderedQueue queue, KeyQueue lane, MessageExt[] messages, ListenerOutcome result)
    {
        _runLength.Learn(result.ListenerTime, (result.Consumed + options.ConsumeBatchSize - 1) / options.ConsumeBatchSize);
        queue.Pump.Statistics.Count(messages.AsSpan(0, result.Consumed), result.Failures, result.ListenerTime);
        queue.Pump.Statistics.CountTimedOut(result.TimedOut);
        if (result.Failures is { } failures)
        {
            await EndAsync(queue, lane, new(messages, 0, result.Consumed), failures);
        }
        else
        {
            Continue(queue, queue.End(lane, result.Consumed, Enough));
        }
    }

    private void Release(KeyOrderedQueue queue, KeyQueue lane)
    {
        queue.Release(lane);
        Continue(queue, queue.HasWork(Enough));
    }

    private void Continue(KeyOrderedQueue queue, bool hasWork)
    {
        if (hasWork)
        {
            _line.Signal(queue.Pump);
        }
        else if (queue.BatchDue is { } due)
        {
            BatchWatch.Watch(queue.Pump, due, Signal);
        }
        else if (queue.TryWatchGathering())
        {
            queue.Pump.Track(WatchGatheringAsync(queue));
        }
    }

    /// <summary>Messages that gather are consumed when their time is over, whether more have come or not.</summary>
    private async Task WatchGatheringAsync(KeyOrderedQueue queue)
    {
        try
        {
            while (queue.GatheringLeft() is { } left)
            {
                // Timers count whole milliseconds.
                await Task.Delay(TimeSpan.FromMilliseconds(Math.Ceiling(left.TotalMilliseconds)), runtime.Time, queue.Pump.Stopping);
            }
        }
        catch (OperationCanceledException)
        {
            // The queue stops; the lanes have been emptied.
            return;
        }

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
