using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Runtime;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Scheduling;
using OrleansRocketMQ.Telemetry;
using OrleansRocketMQ.Tracing;

namespace OrleansRocketMQ.Dispatch.Orderly;

/// <inheritdoc cref="IOrderlyRunner"/>
internal sealed partial class OrderlyRunner(
    IGrainContext grain, ConsumerRegistry consumers, GuestRuns guests, RocketMQMetrics metrics, ILogger<OrderlyRunner> logger)
    : IOrderlyRunner
{
    public ValueTask<OrderlyRunResult> RunAsync(OrderlyRun run, CancellationToken cancellationToken)
    {
        // Where the queue runs on this silo its own word is at hand, sooner than any that Orleans carries.
        if (run.Ownership is { } ownership)
        {
            return ownership.IsValid
                ? BeginAsync(run, ownership.Listening)
                : ValueTask.FromCanceled<OrderlyRunResult>(new(canceled: true));
        }

        if (!guests.TryBegin())
        {
            grain.Deactivate(new(DeactivationReasonCode.ShuttingDown, "The listener's silo stops."), CancellationToken.None);
            return new(OrderlyRunResult.Refused);
        }

        return guests.EndAfter(BeginAsync(run, cancellationToken));
    }

    private ValueTask<OrderlyRunResult> BeginAsync(OrderlyRun run, CancellationToken cancellationToken)
    {
        var cancellation = new IsolatedCancellation(EngineScheduler.Pool, cancellationToken);
        var consuming = ConsumeAsync(run, cancellation.Token);
        if (!consuming.IsCompleted)
        {
            return new(EndInTimeAsync(consuming.AsTask(), run, cancellation, cancellationToken));
        }

        cancellation.Dispose();
        return consuming;
    }

    private async Task<OrderlyRunResult> EndInTimeAsync(
        Task<OrderlyRunResult> consuming, OrderlyRun run, IsolatedCancellation cancellation, CancellationToken cancellationToken)
    {
        using (cancellation)
        {
            return await HangingListener.EndInTimeAsync(consuming, grain, run.Group, run.Messages, logger, cancellationToken);
        }
    }

    public Task QueueLeftAsync(SiloAddress silo)
    {
        if (silo.Equals(grain.Address.SiloAddress))
        {
            grain.Deactivate(
                new(DeactivationReasonCode.ApplicationRequested, "The listener's queue has left this silo."), CancellationToken.None);
        }

        return Task.CompletedTask;
    }

    private async ValueTask<OrderlyRunResult> ConsumeAsync(OrderlyRun run, CancellationToken cancellationToken)
    {
        var listener = (IOrderlyListener)grain.GrainInstance!;
        var context = new ConsumeOrderlyContext(run.Group, run.Queue);
        var trace = run.IsDirect ? null : consumers.Find(run.Group)?.Trace;
        var start = Stopwatch.GetTimestamp();
        var succeeded = 0;
        var committed = 0;
        var batches = 0;
        var elapsed = TimeSpan.Zero;
        do
        {
            cancellationToken.ThrowIfCancellationRequested();
            var batch = run.Messages.Slice(succeeded, Math.Min(run.BatchSize, run.Messages.Count - succeeded));
            context.Reset(run.ReconsumeTimes?[succeeded] ?? batch[0].ReconsumeTimes, run.AutoCommit);
            batches++;
            ConsumeOrderlyResult? result = null;
            string? error = null;
            string? errorType = null;
            var traced = trace?.Begin(batch);
            // Current while the listener runs, so what it calls belongs to it. When the lock is lost meanwhile it ends as
            // the listener does.
            var span = ProcessSpan.AreWanted ? ProcessSpan.Start(run.Group, run.Queue, batch, context.ReconsumeTimes) : null;
            try
            {
                result = await listener.ConsumeAsync(new MessageBatch(batch), context, cancellationToken);
            }
            catch (Exception exception)
            {
                Log.ListenerFailed(logger, run.Group, batch[0].MessageId, batch.Count, exception);
                error = exception.Message;
                errorType = MessagingAttributes.TypeOf(exception);
            }

            if (traced is not null)
            {
                var succeeds = result is ConsumeOrderlyResult.Success or ConsumeOrderlyResult.Commit;
                trace!.End(
                    traced, succeeds, error is not null ? TraceOutcome.Exception : succeeds ? TraceOutcome.Success : TraceOutcome.Failed);
            }

            var before = elapsed;
            elapsed = Stopwatch.GetElapsedTime(start);
            var autoCommit = context.AutoCommit || !run.MayDecideCommit;
            if (result is not (ConsumeOrderlyResult.Success or ConsumeOrderlyResult.Commit)
                && !(result == ConsumeOrderlyResult.Rollback && autoCommit))
            {
                errorType ??= result == ConsumeOrderlyResult.Rollback ? ErrorTypes.Rollback : ErrorTypes.SuspendCurrentQueue;
            }

            ProcessSpan.End(span, errorType, error);
            metrics.Processed(run.Group, run.Queue.Topic, elapsed - before, errorType);
            switch (result)
            {
                case ConsumeOrderlyResult.Success or ConsumeOrderlyResult.Commit:
                    break;
                case ConsumeOrderlyResult.Rollback when autoCommit:
                    Log.RollbackMeansSuccess(logger, run.Group, batch[0].MessageId);
                    break;
                default:
                    if (result is not null and not (ConsumeOrderlyResult.SuspendCurrentQueue or ConsumeOrderlyResult.Rollback))
                    {
                        // In Java such a result would leave the queue standing still for ever.
                        error = $"The listener returned {(int)result}, which is no {nameof(ConsumeOrderlyResult)}.";
                        Log.UnknownResult(logger, run.Group, (int)result, batch[0].MessageId);
                    }

                    var isRollback = result == ConsumeOrderlyResult.Rollback;
                    var stopped = new StoppedBatch(
                        batch.Count, isRollback, context.SuspendCurrentQueueTime, autoCommit, error, errorType);
                    return new(succeeded, committed, stopped, batches, elapsed);
            }

            succeeded += batch.Count;
            if (autoCommit || result == ConsumeOrderlyResult.Commit)
            {
                committed = succeeded;
            }
        }
        while (succeeded < run.Messages.Count && elapsed < run.TimeLimit && !cancellationToken.IsCancellationRequested);

        return new(succeeded, committed, Stopped: null, batches, elapsed);
    }

    private static partial class Log
    {
        [LoggerMessage(
            107,
            LogLevel.Warning,
            "The listener of group {Group} failed on message {MessageId} and the {Count} of its batch; they come again in order")]
        public static partial void ListenerFailed(ILogger logger, string group, string messageId, int count, Exception exception);

        [LoggerMessage(
            104,
            LogLevel.Warning,
            "The listener of group {Group} rolls back message {MessageId} although it is committed automatically; taken for success, "
            + "as in Java")]
        public static partial void RollbackMeansSuccess(ILogger logger, string group, string messageId);

        [LoggerMessage(
            105,
            LogLevel.Error,
            "The listener of group {Group} returned {Result} for message {MessageId}, which is no result; the batch comes again")]
        public static partial void UnknownResult(ILogger logger, string group, int result, string messageId);
    }
}
