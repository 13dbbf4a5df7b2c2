using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Orleans.Runtime;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Tracing;

namespace OrleansRocketMQ.Dispatch;

/// <inheritdoc cref="IListenerRunner"/>
internal sealed partial class ListenerRunner(IGrainContext grain, ConsumerRegistry consumers, ILogger<ListenerRunner> logger) : IListenerRunner
{
    // Enough for a listener that heeds its token, and no noticeable delay for a silo that stops.
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(1);

    public ValueTask<ListenerRunResult> RunAsync(ListenerRun run, CancellationToken cancellationToken)
    {
        // Orleans does not carry a cancellation to stateless workers, which is what listeners mostly are. Where the queue
        // runs on this silo its own token is at hand.
        if (consumers.Find(run.Group)?.Pumps.TryGetValue(run.Queue, out var pump) is true)
        {
            cancellationToken = pump.ListenerToken;
        }

        var consuming = ConsumeAsync(run, cancellationToken);
        return consuming.IsCompleted ? consuming : new(EndInTimeAsync(consuming.AsTask(), run, cancellationToken));
    }

    /// <summary>
    /// Ends the call though the listener does not, when its time is over: Orleans would wait for it before the silo may
    /// stop. The activation is given up, so that no later call runs beside the one that hangs.
    /// </summary>
    private async Task<ListenerRunResult> EndInTimeAsync(Task<ListenerRunResult> consuming, ListenerRun run, CancellationToken cancellationToken)
    {
        try
        {
            return await consuming.WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException) when (!consuming.IsCompleted)
        {
            await Task.WhenAny(consuming, Task.Delay(Grace, CancellationToken.None));
        }

        if (!consuming.IsCompleted)
        {
            Log.ListenerHangs(logger, run.Group, run.Messages.Count, run.Messages[0].MessageId);
            grain.Deactivate(new(DeactivationReasonCode.ApplicationRequested, "The listener hangs."), CancellationToken.None);
        }

        // Whoever called has stopped waiting; the messages come again elsewhere.
        throw new OperationCanceledException(cancellationToken);
    }

    private async ValueTask<ListenerRunResult> ConsumeAsync(ListenerRun run, CancellationToken cancellationToken)
    {
        var listener = (IConcurrentListener)grain.GrainInstance!;
        var context = new ConsumeContext(run.Group, run.Queue);
        List<FailedMessage>? failures = null;
        var trace = consumers.Find(run.Group)?.Trace;
        var start = Stopwatch.GetTimestamp();
        var consumed = 0;
        TimeSpan elapsed;
        do
        {
            var batch = run.Messages.Slice(consumed, Math.Min(run.BatchSize, run.Messages.Count - consumed));
            context.Reset(batch[0].ReconsumeTimes);
            var result = ConsumeResult.ReconsumeLater;
            string? error = null;
            var traced = trace?.Begin(batch);
            try
            {
                result = await listener.ConsumeAsync(new MessageBatch(batch), context, cancellationToken);
            }
            catch (Exception exception)
            {
                Log.ListenerFailed(logger, run.Group, batch[0].MessageId, batch.Count, exception);
                error = exception.Message;
            }

            if (traced is not null)
            {
                trace!.End(traced, error is not null ? TraceOutcome.Exception : result == ConsumeResult.Success ? TraceOutcome.Success : TraceOutcome.Failed);
            }

            var succeeded = result == ConsumeResult.Success ? (long)context.AckIndex + 1 : 0;
            for (var index = (int)Math.Clamp(succeeded, 0, batch.Count); index < batch.Count; index++)
            {
                (failures ??= []).Add(new FailedMessage(consumed + index, context.DelayLevelWhenNextConsume, error));
            }

            consumed += batch.Count;
            elapsed = Stopwatch.GetElapsedTime(start);
        }
        while (consumed < run.Messages.Count && elapsed < run.TimeLimit && !cancellationToken.IsCancellationRequested);

        return new ListenerRunResult(consumed, elapsed, failures);
    }

    private static partial class Log
    {
        [LoggerMessage(102, LogLevel.Error, "The listener of group {Group} does not heed its token; its call with {Count} messages from {MessageId} on is given up, they come again")]
        public static partial void ListenerHangs(ILogger logger, string group, int count, string messageId);

        [LoggerMessage(101, LogLevel.Warning, "The listener of group {Group} failed on message {MessageId} and the {Count} of its batch")]
        public static partial void ListenerFailed(ILogger logger, string group, string messageId, int count, Exception exception);
    }
}
