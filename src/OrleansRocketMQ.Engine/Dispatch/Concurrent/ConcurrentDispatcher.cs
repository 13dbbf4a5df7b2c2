using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Retry;
using OrleansRocketMQ.Engine.Scheduling;
using OrleansRocketMQ.Engine.Window;

namespace OrleansRocketMQ.Engine.Dispatch.Concurrent;

/// <summary>
/// Gives the messages of all queues of a group on this silo to listener grains, at most
/// <see cref="ConsumerOptions.ConsumeThreadMax"/> calls at once. Queues with messages stand in line; each free slot
/// takes a run from the first and sends the queue to the end, so no queue starves. A slot always calls the same grain.
/// </summary>
internal sealed partial class ConcurrentDispatcher(
    ConsumerOptions options,
    IListeners listeners,
    RetryPublisher retry,
    EngineRuntime runtime,
    ILogger<ConcurrentDispatcher> logger) : IQueueDispatcher
{
    // Five times what a run may take: not before something is really slow.
    private static readonly TimeSpan ReclaimAfter = 5 * AdaptiveBatchSizer.Limit;

    private readonly ReadyQueue _line = new(options, runtime, logger, options.DispatchByPriority);
    private readonly AdaptiveBatchSizer _runLength = new();
    private int _replaced;

    public bool AreLeased { get; init; }

    public bool IsByPriority => options.DispatchByPriority;

    public void Start() => _line.Start(RunSlotAsync);

    public void Signal(IDispatchedQueue queue) => _line.Signal(queue);

    public Task StopAsync() => _line.StopAsync();

    private async Task RunSlotAsync(int slot)
    {
        using var worker = new DispatchWorker(listeners.OfSlot(slot), runtime.Time);
        while (await _line.NextAsync() is { } queue)
        {
            var range = queue.Runs.Lease(_runLength.Batches * options.ConsumeBatchSize);
            queue.Runs.LeaveLine();
            if (queue.Runs.Waiting > 0)
            {
                SignalWhenDue(queue);
            }

            if (range.IsEmpty)
            {
                continue;
            }

            worker.Open = range;
            try
            {
                await HandleAsync(queue, range, worker);
            }
            catch (InvariantBrokenException exception)
            {
                Report(queue, exception);
            }
            catch (Exception exception)
            {
                GiveUp(queue, worker.Open, exception);
            }
        }
    }

    /// <summary>Messages wait: somebody else may have them now, or when they have gathered.</summary>
    private void SignalWhenDue(IDispatchedQueue queue)
    {
        if (queue.Runs.Due is { } due)
        {
            BatchWatch.Watch(queue, due, Signal);
        }
        else
        {
            Signal(queue);
        }
    }

    /// <summary>A queue whose book is broken stands still from then on; slots serve the others, and it can be stopped.</summary>
    private void Report(IDispatchedQueue queue, InvariantBrokenException exception)
    {
        queue.Fail(exception);
        Log.RuleBroken(logger, options.Group, queue.Queue, exception);
    }

    /// <summary>
    /// Something failed that nobody knows of. What of the run has neither ended nor been passed on would hold up its queue for
    /// ever: nobody else has it.
    /// </summary>
    private void GiveUp(IDispatchedQueue queue, ProcessQueueRange open, Exception exception)
    {
        if (!open.IsEmpty)
        {
            queue.Track(GuardAsync(queue, ReturnAfterAsync(queue, open, options.RetryInterval)));
        }

        queue.Fail(exception);
        Log.RunFailed(logger, options.Group, queue.Queue, open.Messages.Count, options.RetryInterval, exception);
    }

    private async Task GuardAsync(IDispatchedQueue queue, Task work)
    {
        try
        {
            await work;
        }
        catch (InvariantBrokenException exception)
        {
            Report(queue, exception);
        }
    }

    /// <summary>Has a run consumed. On every way the lease of each of its messages ends once, or goes on in the background.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask HandleAsync(IDispatchedQueue queue, ProcessQueueRange range, DispatchWorker worker)
    {
        if (range.Messages[0].BodyError is { } unreadable)
        {
            Log.Unreadable(logger, range.Messages[0].MessageId, options.Group, unreadable);
            var failure = new FailedMessage(0, 0, unreadable.Message, ErrorTypes.Unreadable);
            await SettleAsync(queue, worker, range, [failure], TimeSpan.Zero);
            return;
        }

        var share = new BatchClaim();
        ListenerOutcome result;
        try
        {
            result = queue.DoListenersMove && !await worker.Listener.IsReadyAsync(queue.ListenerToken)
                ? ListenerOutcome.Refused
                : await RunAsync(queue, range, worker, share);
            range = worker.Open = LeftOf(range, share);
            worker.IsReached = true;
        }
        catch (OperationCanceledException) when (queue.ListenerToken.IsCancellationRequested)
        {
            // The queue's time to stop is over. Whatever the listener still does, the messages come again elsewhere.
            return;
        }
        catch (TimeoutException)
        {
            range = worker.Open = LeftOf(range, share);
            await LeaveStuckAsync(queue, worker, range);
            return;
        }
        catch (Exception exception) when (exception is not InvariantBrokenException)
        {
            // Not the listener failed, the way to it did: no such grain class, a silo that left, a time-out. The
            // messages have not been judged, so they do not go to the retry topic; they stay here and are tried again.
            worker.Open = LeftOf(range, share);
            queue.Fail(exception);
            Log.ListenerUnreachable(logger, options.Group, range.Messages.Count, options.RetryInterval, exception);
            await LeaveUntriedAsync(queue, worker);
            return;
        }

        if (result.IsRefused)
        {
            // Others may have it meanwhile; this slot has nobody to call.
            worker.Open = default;
            Return(queue, range);
            await WaitForListenerAsync(queue, worker.Listener);
            return;
        }

        await TakeAsync(queue, worker, range, result);
    }

    /// <summary>The listener has ended: what it had is settled, what it did not get goes back.</summary>
    private Task TakeAsync(IDispatchedQueue queue, DispatchWorker worker, ProcessQueueRange range, ListenerOutcome result)
    {
        _runLength.Learn(result.ListenerTime, (result.Consumed + options.ConsumeBatchSize - 1) / options.ConsumeBatchSize);
        if (result.Consumed < range.Messages.Count)
        {
            worker.Open = range.Slice(0, result.Consumed);
            Return(queue, range.Slice(result.Consumed, range.Messages.Count - result.Consumed).Alone());
        }

        if (result.TimedOut > 0)
        {
            queue.Statistics.CountTimedOut(result.TimedOut);
        }

        return SettleAsync(queue, worker, range.Slice(0, result.Consumed), result.Failures, result.ListenerTime);
    }

    /// <summary>
    /// Nobody knows how far the run is, so all of it goes back: some messages may come twice, none is lost. A grain that is
    /// stuck takes no more calls; the slot goes on with another one.
    /// </summary>
    private async Task LeaveStuckAsync(IDispatchedQueue queue, DispatchWorker worker, ProcessQueueRange range)
    {
        Log.ListenerStuck(logger, options.Group, range.Messages.Count, range.Messages[0].MessageId);
        queue.Statistics.CountTimedOut(range.Messages.Count);
        await SettleAsync(
            queue,
            worker,
            range,
            [.. Enumerable.Range(0, range.Messages.Count).Select(index => FailedMessage.TimedOut(index, options.ConsumeTimeout))],
            options.ConsumeTimeout);
        worker.Listener = listeners.OfSlot(options.ConsumeThreadMax + Interlocked.Increment(ref _replaced) - 1);
    }

    /// <summary>
    /// The first time a worker does not reach its listener the messages wait, as they may be the reason, and the worker tries
    /// others. When it fails with these, too, the reason is its own: then it waits itself, and other workers have the messages.
    /// </summary>
    private async Task LeaveUntriedAsync(IDispatchedQueue queue, DispatchWorker worker)
    {
        var range = worker.Open;
        worker.Open = default;
        if (worker.IsReached)
        {
            worker.IsReached = false;
            queue.Track(GuardAsync(queue, ReturnAfterAsync(queue, range, options.RetryInterval)));
            return;
        }

        Return(queue, range);
        try
        {
            await Task.Delay(options.RetryInterval, runtime.Time, queue.Stopping);
        }
        catch (OperationCanceledException)
        {
            // The queue stops; the worker goes on with another one.
        }
    }

    private void Return(IDispatchedQueue queue, ProcessQueueRange range)
    {
        range.Window.Return(range);

        // A queue that is moved waits until no listener has any of its former messages.
        queue.OnReturned();
        Signal(queue);
    }

    /// <summary>
    /// Waits until the slot's grain has left a silo that stops. The run is not its concern any more: it is back in the
    /// queue.
    /// </summary>
    private async Task WaitForListenerAsync(IDispatchedQueue queue, IListener listener)
    {
        try
        {
            while (!await listener.IsReadyAsync(queue.ListenerToken))
            {
                await Task.Delay(ListenerTimes.AskAgainAfter, runtime.Time, queue.ListenerToken);
            }
        }
        catch (OperationCanceledException) when (queue.ListenerToken.IsCancellationRequested)
        {
            // The queue stops; the slot goes on with another one.
        }
        catch (Exception exception)
        {
            // The next run meets the same, and is tried again as any that cannot reach its listener.
            queue.Fail(exception);
        }
    }

    /// <summary>Calls the listener. When one batch of a run takes long, those behind it do not wait for it: they go back in line.</summary>
    /// <exception cref="TimeoutException">It has not ended in its time.</exception>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<ListenerOutcome> RunAsync(
        IDispatchedQueue queue, ProcessQueueRange range, DispatchWorker worker, BatchClaim share)
    {
        var named = worker.Wait.Renewal.Begin();
        var run = new ListenerCall(queue.Source, range.Messages, options.ConsumeBatchSize, AdaptiveBatchSizer.Limit, options.ConsumeTimeout)
        {
            Share = share,
            Ownership = queue.Ownership,
            Renewable = named,
        };
        var token = queue.ListenerToken;
        using var running = queue.Running.Begin(range.Messages, share);
        var call = worker.Listener.ConsumeAsync(run, token);
        var longest = AdaptiveBatchSizer.Limit + options.ConsumeTimeout + ListenerTimes.Grace;
        for (var patience = ReclaimAfter; range.Messages.Count > options.ConsumeBatchSize && patience < longest; patience *= 2)
        {
            if (await worker.Wait.WaitAsync(call, patience, token) || call.IsCompleted)
            {
                return await call;
            }

            if (share.TryReclaim())
            {
                ReturnBehind(queue, range, share.Left!.Value);
                break;
            }
        }

        var end = await worker.Wait.EndOfAsync(call, worker.Listener, named, longest, token);
        return end.State == CallState.Ended ? end.Outcome : throw new TimeoutException();
    }

    /// <summary>
    /// Has others consume what a listener has not begun and will not look at. It may keep the others for long, and these must not
    /// stay in memory with them when they are done.
    /// </summary>
    private void ReturnBehind(IDispatchedQueue queue, ProcessQueueRange range, int left)
    {
        var behind = range.Slice(left, range.Messages.Count - left);
        var alone = behind.Alone();
        behind.Messages.AsSpan().Clear();
        Return(queue, alone);
    }

    private static ProcessQueueRange LeftOf(ProcessQueueRange range, BatchClaim share)
        => share.Left is { } left ? range.Slice(0, left) : range;

    private static partial class Log
    {
        [LoggerMessage(121, LogLevel.Error, "Group {Group} cannot reach its listener grain; {Count} messages are tried again in {Wait}")]
        public static partial void ListenerUnreachable(ILogger logger, string group, int count, TimeSpan wait, Exception exception);

        [LoggerMessage(
            123,
            LogLevel.Error,
            "The listener of group {Group} is stuck with {Count} messages from {MessageId} on; they go back to the broker and come again")]
        public static partial void ListenerStuck(ILogger logger, string group, int count, string messageId);

        [LoggerMessage(
            125,
            LogLevel.Critical,
            "Group {Group}: {Queue} stands still until it starts anew; this is a fault of OrleansRocketMQ")]
        public static partial void RuleBroken(ILogger logger, string group, MessageQueue queue, Exception exception);

        [LoggerMessage(
            126,
            LogLevel.Error,
            "Group {Group}: a run of {Queue} failed where nothing should; its {Count} open messages are tried again in {Wait}")]
        public static partial void RunFailed(
            ILogger logger, string group, MessageQueue queue, int count, TimeSpan wait, Exception exception);

        [LoggerMessage(124, LogLevel.Error, "{Reason}")]
        public static partial void NotHandedBack(ILogger logger, string reason);

        [LoggerMessage(122, LogLevel.Error, "Message {MessageId} of group {Group} cannot be read and goes to the retry topic")]
        public static partial void Unreadable(ILogger logger, string messageId, string group, Exception exception);
    }
}
