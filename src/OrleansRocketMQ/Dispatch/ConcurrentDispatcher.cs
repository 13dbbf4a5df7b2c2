using Microsoft.Extensions.Logging;
using Orleans.Runtime;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Queues;

namespace OrleansRocketMQ.Dispatch;

/// <summary>
/// Gives the messages of all queues of a group on this silo to listener grains, at most
/// <see cref="ConsumerOptions.ConsumeThreadMax"/> calls at once. Queues with messages stand in line; each free slot
/// takes a run from the first and sends the queue to the end, so no queue starves. A slot always calls the same grain.
/// </summary>
internal sealed partial class ConcurrentDispatcher(
    ConsumerOptions options,
    ListenerGrains listeners,
    RetryPublisher retry,
    TimeProvider time,
    ILogger<ConcurrentDispatcher> logger) : IQueueDispatcher
{
    // Java's client waits as long before it gives a message to the listener again that the broker did not take back.
    private static readonly TimeSpan RetryHereAfter = TimeSpan.FromSeconds(5);

    // The runner ends a call that takes too long. This much later the dispatcher does without it: the listener holds the
    // thread its grain needs for that, or its silo does not answer.
    public static readonly TimeSpan RunnerGrace = TimeSpan.FromSeconds(3);

    // Five times what a run may take: not before something is really slow.
    private static readonly TimeSpan ReclaimAfter = 5 * RunLength.Limit;

    private readonly QueueLine _line = new(options, time, logger);
    private readonly RunLength _runLength = new();
    private int _replaced;

    public void Start() => _line.Start(RunSlotAsync);

    public void Signal(QueuePump queue) => _line.Signal(queue);

    public Task StopAsync() => _line.StopAsync();

    private async Task RunSlotAsync(int slot)
    {
        var worker = new SlotWorker(listeners.Get(slot));
        while (await _line.NextAsync().ConfigureAwait(false) is { } queue)
        {
            var range = queue.Runs.Lease(_runLength.Batches * options.ConsumeBatchSize);
            queue.Runs.LeaveLine();
            if (queue.Runs.Waiting > 0)
            {
                Signal(queue);
            }

            if (range.IsEmpty)
            {
                continue;
            }

            worker.Open = range;
            try
            {
                await HandleAsync(queue, range, worker).ConfigureAwait(false);
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

    /// <summary>A queue whose book is broken stands still from then on; slots serve the others, and it can be stopped.</summary>
    private void Report(QueuePump queue, InvariantBrokenException exception)
    {
        queue.Fail(exception);
        Log.RuleBroken(logger, options.Group, queue.Queue, exception);
    }

    /// <summary>
    /// Something failed that nobody knows of. What of the run has neither ended nor been passed on would hold up its queue for
    /// ever: nobody else has it.
    /// </summary>
    private void GiveUp(QueuePump queue, ProcessQueueRange open, Exception exception)
    {
        if (!open.IsEmpty)
        {
            queue.Track(GuardAsync(queue, ReturnAfterAsync(queue, open, options.RetryInterval)));
        }

        queue.Fail(exception);
        Log.RunFailed(logger, options.Group, queue.Queue, open.Messages.Count, options.RetryInterval, exception);
    }

    private async Task GuardAsync(QueuePump queue, Task work)
    {
        try
        {
            await work.ConfigureAwait(false);
        }
        catch (InvariantBrokenException exception)
        {
            Report(queue, exception);
        }
    }

    /// <summary>Has a run consumed. On every way the lease of each of its messages ends once, or goes on in the background.</summary>
    private async Task HandleAsync(QueuePump queue, ProcessQueueRange range, SlotWorker worker)
    {
        if (range.Messages[0].BodyError is { } unreadable)
        {
            Log.Unreadable(logger, range.Messages[0].MessageId, options.Group, unreadable);
            await SettleAsync(queue, worker, range, [new FailedMessage(0, 0, unreadable.Message, Telemetry.ErrorTypes.Unreadable)], TimeSpan.Zero).ConfigureAwait(false);
            return;
        }

        var share = new RunShare();
        ListenerRunResult result;
        try
        {
            result = queue.DoListenersMove && !await ListenerDoor.IsOpenAsync(worker.Listener, queue.ListenerToken).ConfigureAwait(false)
                ? ListenerRunResult.Refused
                : await RunAsync(queue, range, worker.Listener, share).ConfigureAwait(false);
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
            // Nobody knows how far the run is, so all of it goes back: some messages may come twice, none is lost. A grain
            // that is stuck takes no more calls; the slot goes on with another one.
            range = worker.Open = LeftOf(range, share);
            Log.ListenerStuck(logger, options.Group, range.Messages.Count, range.Messages[0].MessageId);
            queue.Statistics.CountTimedOut(range.Messages.Count);
            await SettleAsync(
                queue,
                worker,
                range,
                [.. Enumerable.Range(0, range.Messages.Count).Select(index => FailedMessage.TimedOut(index, options.ConsumeTimeout))],
                options.ConsumeTimeout).ConfigureAwait(false);
            worker.Listener = listeners.Get(options.ConsumeThreadMax + Interlocked.Increment(ref _replaced) - 1);
            return;
        }
        catch (Exception exception) when (exception is not InvariantBrokenException)
        {
            // Not the listener failed, the way to it did: no such grain class, a silo that left, a time-out. The
            // messages have not been judged, so they do not go to the retry topic; they stay here and are tried again.
            worker.Open = LeftOf(range, share);
            queue.Fail(exception);
            Log.ListenerUnreachable(logger, options.Group, range.Messages.Count, options.RetryInterval, exception);
            await LeaveUntriedAsync(queue, worker).ConfigureAwait(false);
            return;
        }

        if (result.IsRefused)
        {
            // Others may have it meanwhile; this slot has nobody to call.
            worker.Open = default;
            Return(queue, range);
            await WaitForListenerAsync(queue, worker.Listener).ConfigureAwait(false);
            return;
        }

        _runLength.Learn(result.ListenerTime, (result.Consumed + options.ConsumeBatchSize - 1) / options.ConsumeBatchSize);
        if (result.Consumed < range.Messages.Count)
        {
            worker.Open = range.Slice(0, result.Consumed);
            Return(queue, range.Slice(result.Consumed, range.Messages.Count - result.Consumed));
        }

        if (result.TimedOut > 0)
        {
            queue.Statistics.CountTimedOut(result.TimedOut);
        }

        await SettleAsync(queue, worker, range.Slice(0, result.Consumed), result.Failures, result.ListenerTime).ConfigureAwait(false);
    }

    /// <summary>
    /// The first time a worker does not reach its listener the messages wait, as they may be the reason, and the worker tries
    /// others. When it fails with these, too, the reason is its own: then it waits itself, and other workers have the messages.
    /// </summary>
    private async Task LeaveUntriedAsync(QueuePump queue, SlotWorker worker)
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
            await Task.Delay(options.RetryInterval, time, queue.Stopping).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The queue stops; the worker goes on with another one.
        }
    }

    private void Return(QueuePump queue, ProcessQueueRange range)
    {
        range.Window.Return(range);
        Signal(queue);
    }

    /// <summary>Waits until the slot's grain has left a silo that stops. The run is not its concern any more: it is back in the queue.</summary>
    private async Task WaitForListenerAsync(QueuePump queue, IListenerRunner listener)
    {
        try
        {
            await ListenerDoor.UntilOpenAsync(listener, time, queue.ListenerToken).ConfigureAwait(false);
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

    private bool GivesUp(ProcessQueueRange range, IReadOnlyList<FailedMessage> failures) => failures.All(failure => retry.GivesUp(range.Messages.AsSpan(failure.Index, 1)));

    /// <summary>Calls the listener. When one batch of a run takes long, those behind it do not wait for it: they go back in line.</summary>
    private async Task<ListenerRunResult> RunAsync(QueuePump queue, ProcessQueueRange range, IListenerRunner listener, RunShare share)
    {
        var run = new ListenerRun(options.Group, queue.Queue, options.ConsumeBatchSize, RunLength.Limit, range.Messages, options.ConsumeTimeout)
        {
            Share = share,
            Pump = queue,
        };
        using var running = queue.Running.Begin(range.Messages, share);
        var call = listener.RunAsync(run, queue.ListenerToken).AsTask();
        var longest = RunLength.Limit + options.ConsumeTimeout + RunnerGrace;
        for (var patience = ReclaimAfter; range.Messages.Count > options.ConsumeBatchSize && patience < longest; patience *= 2)
        {
            try
            {
                return await call.WaitAsync(patience, time, queue.ListenerToken).ConfigureAwait(false);
            }
            catch (TimeoutException)
            {
                if (call.IsCompleted)
                {
                    // It ended in the very moment in which patience did.
                    return await call.ConfigureAwait(false);
                }

                if (!share.TryReclaim())
                {
                    continue;
                }

                var left = share.Left!.Value;
                Return(queue, range.Slice(left, range.Messages.Count - left));
                break;
            }
        }

        return await call.WaitAsync(longest, time, queue.ListenerToken).ConfigureAwait(false);
    }

    private static ProcessQueueRange LeftOf(ProcessQueueRange range, RunShare share) => share.Left is { } left ? range.Slice(0, left) : range;

    /// <summary>Completes what succeeded; what failed is completed when the broker has it back, and kept when not.</summary>
    private async Task SettleAsync(QueuePump queue, SlotWorker worker, ProcessQueueRange range, IReadOnlyList<FailedMessage>? failures, TimeSpan listenerTime)
    {
        queue.Statistics.Count(range.Messages, failures, listenerTime);
        if (failures is null || GivesUp(range, failures))
        {
            worker.Open = default;
            range.Complete();
            queue.OnProgress();
            return;
        }

        var done = 0;
        var isTaken = true;
        foreach (var failure in failures)
        {
            if (failure.Index > done)
            {
                worker.Open = range.Slice(failure.Index, range.Messages.Count - failure.Index);
                range.Slice(done, failure.Index - done).Complete();
            }

            done = failure.Index + 1;
            var failed = range.Slice(failure.Index, 1);
            var behind = range.Slice(done, range.Messages.Count - done);
            if (!isTaken)
            {
                // A broker that does not answer would hold the slot, which serves others too, once for each of them.
                worker.Open = behind;
                queue.Track(GuardAsync(queue, SendBackAgainAsync(queue, failed, failure.DelayLevel, attempts: 0)));
                continue;
            }

            var outcome = await retry.SendBackAsync(queue.Queue, failed.Messages[0], failure.DelayLevel, queue.ListenerToken).ConfigureAwait(false);
            if (outcome != PublishOutcome.NotTaken)
            {
                queue.Statistics.CountPublished(outcome, asDead: retry.IsLast(failed.Messages[0], failure.DelayLevel));
                worker.Open = behind;
                failed.Complete();
            }
            else
            {
                isTaken = false;
                worker.Open = behind;
                queue.Track(GuardAsync(queue, SendBackAgainAsync(queue, failed, failure.DelayLevel, attempts: 1)));
            }
        }

        worker.Open = default;
        if (done < range.Messages.Count)
        {
            range.Slice(done, range.Messages.Count - done).Complete();
        }

        queue.OnProgress();
    }

    /// <summary>Goes on trying to hand a message back while its slot serves others.</summary>
    private async Task SendBackAgainAsync(QueuePump queue, ProcessQueueRange failed, int delayLevel, int attempts)
    {
        PublishOutcome outcome;
        try
        {
            outcome = await retry.SendBackAgainAsync(queue.Queue, failed.Messages[0], delayLevel, attempts, queue.Stopping, queue.ListenerToken).ConfigureAwait(false);
            queue.Statistics.CountPublished(outcome, asDead: retry.IsLast(failed.Messages[0], delayLevel));
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
            await ReturnAfterAsync(queue, failed, RetryHereAfter).ConfigureAwait(false);
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

    private async Task ReturnAfterAsync(QueuePump queue, ProcessQueueRange range, TimeSpan after)
    {
        try
        {
            await Task.Delay(after, time, queue.Stopping).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The queue stops. What was not done stays uncommitted and comes again wherever the queue goes.
        }

        Return(queue, range);
        queue.OnProgress();
    }

    private static partial class Log
    {
        [LoggerMessage(121, LogLevel.Error, "Group {Group} cannot reach its listener grain; {Count} messages are tried again in {Wait}")]
        public static partial void ListenerUnreachable(ILogger logger, string group, int count, TimeSpan wait, Exception exception);

        [LoggerMessage(123, LogLevel.Error, "The listener of group {Group} is stuck with {Count} messages from {MessageId} on; they go back to the broker and come again")]
        public static partial void ListenerStuck(ILogger logger, string group, int count, string messageId);

        [LoggerMessage(125, LogLevel.Critical, "Group {Group}: {Queue} stands still until it starts anew; this is a fault of OrleansRocketMQ")]
        public static partial void RuleBroken(ILogger logger, string group, MessageQueue queue, Exception exception);

        [LoggerMessage(126, LogLevel.Error, "Group {Group}: a run of {Queue} failed where nothing should; its {Count} open messages are tried again in {Wait}")]
        public static partial void RunFailed(ILogger logger, string group, MessageQueue queue, int count, TimeSpan wait, Exception exception);

        [LoggerMessage(124, LogLevel.Error, "{Reason}")]
        public static partial void NotHandedBack(ILogger logger, string reason);

        [LoggerMessage(122, LogLevel.Error, "Message {MessageId} of group {Group} cannot be read and goes to the retry topic")]
        public static partial void Unreadable(ILogger logger, string messageId, string group, Exception exception);
    }
}
