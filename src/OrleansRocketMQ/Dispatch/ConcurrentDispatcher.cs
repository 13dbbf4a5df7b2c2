using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Orleans.Runtime;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Queues;
using OrleansRocketMQ.Statistics;

namespace OrleansRocketMQ.Dispatch;

/// <summary>
/// Gives the messages of all queues of a group on this silo to listener grains, at most
/// <see cref="ConsumerOptions.ConsumeThreadMax"/> calls at once. Queues with messages stand in line; each free slot
/// takes a run from the first and sends the queue to the end, so no queue starves. A slot always calls the same grain.
/// </summary>
internal sealed partial class ConcurrentDispatcher(
    ConsumerOptions options,
    ListenerGrains listeners,
    RetryRouter retry,
    GroupStatistics statistics,
    TimeProvider time,
    ILogger<ConcurrentDispatcher> logger) : IQueueDispatcher
{
    // Java's client waits as long before it gives a message to the listener again that the broker did not take back.
    private static readonly TimeSpan RetryHereAfter = TimeSpan.FromSeconds(5);

    private readonly Channel<QueuePump> _line = Channel.CreateUnbounded<QueuePump>(new() { AllowSynchronousContinuations = false });
    private readonly RunLength _runLength = new();
    private readonly Lock _gate = new();
    private readonly List<Task> _slots = [];

    /// <summary>Opens the slots that are always kept ready.</summary>
    public void Start()
    {
        lock (_gate)
        {
            while (_slots.Count < options.ConsumeThreadMin)
            {
                OpenSlot();
            }
        }
    }

    /// <summary>Puts a queue that has messages in line, unless it stands there already.</summary>
    public void Signal(QueuePump queue)
    {
        // A slot that waits gets the queue handed over directly; where it stays in line, all slots are busy.
        if (!queue.Runs.TryEnterLine() || !_line.Writer.TryWrite(queue) || _line.Reader.Count == 0)
        {
            return;
        }

        lock (_gate)
        {
            if (_slots.Count > 0 && _slots.Count < options.ConsumeThreadMax)
            {
                OpenSlot();
            }
        }
    }

    /// <summary>Closes the slots once they have ended what they do.</summary>
    public async Task StopAsync()
    {
        _line.Writer.TryComplete();
        Task[] slots;
        lock (_gate)
        {
            slots = [.. _slots];
            _slots.Clear();
        }

        await Task.WhenAll(slots).ConfigureAwait(false);
    }

    private void OpenSlot()
    {
        var listener = listeners.Get(_slots.Count);
        _slots.Add(Task.Run(() => RunSlotAsync(listener)));
    }

    private async Task RunSlotAsync(IListenerRunner listener)
    {
        while (await NextAsync().ConfigureAwait(false) is { } queue)
        {
            var range = queue.Runs.Take(_runLength.Batches * options.ConsumeBatchSize);
            queue.Runs.LeaveLine();
            if (queue.Runs.Waiting > 0)
            {
                Signal(queue);
            }

            if (!range.IsEmpty)
            {
                await HandleAsync(queue, range, listener).ConfigureAwait(false);
            }
        }
    }

    private async ValueTask<QueuePump?> NextAsync()
    {
        try
        {
            return await _line.Reader.ReadAsync().ConfigureAwait(false);
        }
        catch (ChannelClosedException)
        {
            return null;
        }
    }

    private async Task HandleAsync(QueuePump queue, ProcessQueueRange range, IListenerRunner listener)
    {
        if (range.Messages[0].BodyError is { } unreadable)
        {
            Log.Unreadable(logger, range.Messages[0].MessageId, options.Group, unreadable);
            await SettleAsync(queue, range, [new FailedMessage(0, 0, unreadable.Message)]).ConfigureAwait(false);
            return;
        }

        ListenerRunResult result;
        try
        {
            var run = new ListenerRun(options.Group, queue.Queue, options.ConsumeBatchSize, RunLength.Limit, range.Messages);
            result = await listener.RunAsync(run, queue.ListenerToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (queue.ListenerToken.IsCancellationRequested)
        {
            // The queue's time to stop is over. Whatever the listener still does, the messages come again elsewhere.
            return;
        }
        catch (Exception exception)
        {
            // Not the listener failed, the way to it did: no such grain class, a silo that left, a time-out. The
            // messages have not been judged, so they do not go to the retry topic; they stay here and are tried again.
            queue.Fail(exception);
            Log.ListenerUnreachable(logger, options.Group, range.Messages.Count, options.RetryInterval, exception);
            ReturnLater(queue, range, options.RetryInterval);
            return;
        }

        queue.Activity.Consumed(result.Consumed - (result.Failures?.Count ?? 0), result.Failures?.Count ?? 0, result.ListenerTime);
        _runLength.Learn(result.ListenerTime, (result.Consumed + options.ConsumeBatchSize - 1) / options.ConsumeBatchSize);
        if (result.Consumed < range.Messages.Count)
        {
            queue.Runs.Return(range.Slice(result.Consumed, range.Messages.Count - result.Consumed));
            Signal(queue);
        }

        await SettleAsync(queue, range.Slice(0, result.Consumed), result.Failures).ConfigureAwait(false);
    }

    /// <summary>Completes what succeeded; what failed is completed when the broker has it back, and kept when not.</summary>
    private async Task SettleAsync(QueuePump queue, ProcessQueueRange range, IReadOnlyList<FailedMessage>? failures)
    {
        statistics.CountConsumed(range.Messages, failures?.Count ?? 0);
        if (failures is null)
        {
            range.Complete();
            queue.OnProgress();
            return;
        }

        var done = 0;
        foreach (var failure in failures)
        {
            if (failure.Index > done)
            {
                range.Slice(done, failure.Index - done).Complete();
            }

            done = failure.Index + 1;
            var failed = range.Slice(failure.Index, 1);
            if (await retry.SendBackAsync(failed.Messages[0], failure.DelayLevel, queue.ListenerToken).ConfigureAwait(false))
            {
                statistics.CountSentBack();
                failed.Complete();
            }
            else
            {
                ReturnLater(queue, failed, RetryHereAfter);
            }
        }

        if (done < range.Messages.Count)
        {
            range.Slice(done, range.Messages.Count - done).Complete();
        }

        queue.OnProgress();
    }

    private void ReturnLater(QueuePump queue, ProcessQueueRange range, TimeSpan after)
        => queue.Track(ReturnAfterAsync(queue, range, after));

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

        queue.Runs.Return(range);
        queue.OnProgress();
        Signal(queue);
    }

    private static partial class Log
    {
        [LoggerMessage(121, LogLevel.Error, "Group {Group} cannot reach its listener grain; {Count} messages are tried again in {Wait}")]
        public static partial void ListenerUnreachable(ILogger logger, string group, int count, TimeSpan wait, Exception exception);

        [LoggerMessage(122, LogLevel.Error, "Message {MessageId} of group {Group} cannot be read and goes to the retry topic")]
        public static partial void Unreadable(ILogger logger, string messageId, string group, Exception exception);
    }
}
