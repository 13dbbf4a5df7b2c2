using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Locks;
using OrleansRocketMQ.Engine.Ports;

namespace OrleansRocketMQ.Engine.Dispatch.Orderly;

/// <summary>The way to the listener of one queue. One call at a time.</summary>
internal sealed partial class OrderlyInvoker(IDispatchedQueue pump, IQueueListener listener, OrderlyDispatcher group)
{
    private static readonly TimeSpan LeaveTimeout = TimeSpan.FromSeconds(5);

    private readonly CallWait _wait = new(group.Runtime.Time);
    private int _inCall;
    private bool _hasCalled;
    private bool _asksFirst;

    /// <summary>Messages it works on now. May be read by anybody.</summary>
    public int InCall => Volatile.Read(ref _inCall);

    /// <summary>How long to wait before the next call, as the last one did not reach it; null when it did.</summary>
    public TimeSpan? ReachableIn { get; private set; }

    /// <summary>Has messages consumed as soon as the group may make another call.</summary>
    /// <param name="messages">The messages; all readable, or one that is not, which counts as failed.</param>
    /// <param name="reconsumeTimes">How often each has failed; null when that is what it says itself.</param>
    /// <param name="ownership">The lease of the queue they belong to.</param>
    /// <returns>The listener's judgement; null when there is none, because the time is over or it could not be reached.</returns>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<OrderlyOutcome?> CallAsync(ArraySegment<MessageExt> messages, int[]? reconsumeTimes, QueueLease ownership)
    {
        ReachableIn = null;
        var options = group.Options;
        if (messages[0].BodyError is { } unreadable)
        {
            Log.Unreadable(group.Logger, messages[0].MessageId, options.Group, unreadable);
            return new(0, 0, new(1, IsRollback: false, Pause: null, options.AutoCommit, unreadable.Message), 1, TimeSpan.Zero);
        }

        try
        {
            await group.Slots.TakeAsync(ownership.Pulling);
        }
        catch (OperationCanceledException)
        {
            return null;
        }

        try
        {
            // It may have waited long for its turn.
            return ownership.IsValid && !pump.Runs.Gate.IsClosed ? await InvokeAsync(messages, reconsumeTimes, ownership) : null;
        }
        catch (OperationCanceledException) when (ownership.Listening.IsCancellationRequested || !ownership.IsValid)
        {
            // The lock is lost, or the time to stop is over. Whatever the listener still does, the messages come again.
            return null;
        }
        catch (Exception exception)
        {
            // Not the listener failed, the way to it did; the messages have not been judged.
            ReachableIn = options.RetryInterval;
            pump.Fail(exception);
            Log.Unreachable(group.Logger, options.Group, pump.Queue, options.RetryInterval, exception);
            return null;
        }
        finally
        {
            Volatile.Write(ref _inCall, 0);
            group.Slots.Release();
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<OrderlyOutcome?> InvokeAsync(ArraySegment<MessageExt> messages, int[]? reconsumeTimes, QueueLease ownership)
    {
        Volatile.Write(ref _inCall, messages.Count);
        _hasCalled = true;
        if ((_asksFirst || pump.DoListenersMove) && !await listener.IsReadyAsync(ownership.Listening))
        {
            (_asksFirst, ReachableIn) = (true, ListenerTimes.AskAgainAfter);
            return null;
        }

        _asksFirst = false;
        var options = group.Options;
        var named = _wait.Renewal.Begin();
        var call = new OrderlyCall(pump.Queue, ownership.Number, messages, options.ConsumeBatchSize, AdaptiveBatchSizer.Limit)
        {
            AutoCommit = options.AutoCommit,
            MayDecideCommit = options.PoisonHandling != Configuration.PoisonHandling.Park,
            ReconsumeTimes = reconsumeTimes,
            Ownership = ownership,
            Renewable = named,
        };
        using var running = pump.Running.Begin(messages);

        // The listener's side hears of the end of the lease, and takes its time to end.
        var end = await _wait.EndOfAsync(
            listener.ConsumeAsync(call, ownership.Listening), listener, named, longest: null, CancellationToken.None);
        var result = end.Outcome!;
        if (result.Held is { } held)
        {
            ReachableIn = ListenerTimes.AskHeldAfter;
            pump.Fail(new RocketMQException(RocketMQErrorCode.State, held));
            return null;
        }

        if (result.IsRefused)
        {
            (_asksFirst, ReachableIn) = (true, ListenerTimes.AskAgainAfter);
            return null;
        }

        group.AdaptiveBatchSizer.Learn(result.ListenerTime, result.Batches);
        return result;
    }

    /// <summary>The queue has stopped here. If it goes on elsewhere, its listener is to follow.</summary>
    public async Task LeaveAsync()
    {
        _wait.Dispose();
        if (!_hasCalled || pump.IsGroupStopping)
        {
            return;
        }

        try
        {
            await listener.QueueLeftAsync().WaitAsync(LeaveTimeout, group.Runtime.Time);
        }
        catch (Exception exception)
        {
            // It would only have been a little nearer to its queue.
            Log.NotTold(group.Logger, group.Options.Group, pump.Queue, exception);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(182, LogLevel.Error, "Group {Group} cannot reach the listener grain of {Queue}; tried again in {Wait}")]
        public static partial void Unreachable(ILogger logger, string group, MessageQueue queue, TimeSpan wait, Exception exception);

        [LoggerMessage(183, LogLevel.Error, "Message {MessageId} of group {Group} cannot be read; counts as failed")]
        public static partial void Unreadable(ILogger logger, string messageId, string group, Exception exception);

        [LoggerMessage(188, LogLevel.Debug, "Group {Group}: the listener grain of {Queue} could not be told that its queue has left")]
        public static partial void NotTold(ILogger logger, string group, MessageQueue queue, Exception exception);
    }
}
