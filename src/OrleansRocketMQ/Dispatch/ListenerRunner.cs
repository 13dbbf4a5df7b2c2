using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Orleans.Runtime;
using OrleansRocketMQ.Consumers;

namespace OrleansRocketMQ.Dispatch;

/// <inheritdoc cref="IListenerRunner"/>
internal sealed partial class ListenerRunner(IGrainContext grain, ConsumerRegistry consumers, ILogger<ListenerRunner> logger) : IListenerRunner
{
    public ValueTask<ListenerRunResult> RunAsync(ListenerRun run, CancellationToken cancellationToken)
    {
        // Orleans does not carry a cancellation to stateless workers, which is what listeners mostly are. Where the queue
        // runs on this silo its own token is at hand.
        if (consumers.Find(run.Group)?.Pumps.TryGetValue(run.Queue, out var pump) is true)
        {
            cancellationToken = pump.ListenerToken;
        }

        var consuming = ConsumeAsync(run, cancellationToken);
        return consuming.IsCompleted ? consuming : new(HangingListener.EndInTimeAsync(consuming.AsTask(), grain, run.Group, run.Messages, logger, cancellationToken));
    }

    private async ValueTask<ListenerRunResult> ConsumeAsync(ListenerRun run, CancellationToken cancellationToken)
    {
        var listener = (IConcurrentListener)grain.GrainInstance!;
        var context = new ConsumeContext(run.Group, run.Queue);
        List<FailedMessage>? failures = null;
        var start = Stopwatch.GetTimestamp();
        var consumed = 0;
        TimeSpan elapsed;
        do
        {
            var batch = run.Messages.Slice(consumed, Math.Min(run.BatchSize, run.Messages.Count - consumed));
            context.Reset(batch[0].ReconsumeTimes);
            var result = ConsumeResult.ReconsumeLater;
            string? error = null;
            try
            {
                result = await listener.ConsumeAsync(new MessageBatch(batch), context, cancellationToken);
            }
            catch (Exception exception)
            {
                Log.ListenerFailed(logger, run.Group, batch[0].MessageId, batch.Count, exception);
                error = exception.Message;
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
        [LoggerMessage(101, LogLevel.Warning, "The listener of group {Group} failed on message {MessageId} and the {Count} of its batch")]
        public static partial void ListenerFailed(ILogger logger, string group, string messageId, int count, Exception exception);
    }
}
