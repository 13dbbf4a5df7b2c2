using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Runtime;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Effects;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Scheduling;
using OrleansRocketMQ.Filters;
using OrleansRocketMQ.Telemetry;
using OrleansRocketMQ.Tracing;

namespace OrleansRocketMQ.Dispatch.Orderly;

/// <inheritdoc cref="IOrderlyRunner"/>
internal sealed partial class OrderlyListenerInvoker(
    IGrainContext grain,
    ConsumerRegistry consumers,
    RemoteInvocationDrain guests,
    RocketMQMetrics metrics,
    TypedListeners typed,
    ConsumeFilters filters,
    ErrorPolicies policies,
    ILogger<OrderlyListenerInvoker> logger)
    : IOrderlyRunner
{
    private RunMemory<OrderlyBatchResult>? _memory;
    private IsolatedCancellation? _spare;

    public ValueTask<OrderlyBatchResult> RunAsync(OrderlyBatch run, CancellationToken cancellationToken)
    {
        if (run.IsMeantForAnother(grain.ActivationId, consumers))
        {
            return new(OrderlyBatchResult.RefusedUnlessNamed(grain.ActivationId));
        }

        run.Renewable?.NoteHere();

        // Where the queue runs on this silo its own word is at hand, sooner than any that Orleans carries.
        if (run.Ownership is { } ownership)
        {
            return ownership.IsValid
                ? BeginAsync(run, ownership.Listening)
                : ValueTask.FromCanceled<OrderlyBatchResult>(new(canceled: true));
        }

        if (!guests.TryBegin())
        {
            grain.Deactivate(new(DeactivationReasonCode.ShuttingDown, "The listener's silo stops."), CancellationToken.None);
            return new(OrderlyBatchResult.Refused);
        }

        var memory = run.IsAskedAfter() ? _memory ??= RunMemory<OrderlyBatchResult>.Of(grain) : null;
        return guests.EndAfter(memory is null
            ? BeginAsync(run, cancellationToken)
            : memory.KeepAsync(run, BeginAsync, OrderlyBatchResult.Refused, cancellationToken));
    }

    private ValueTask<OrderlyBatchResult> BeginAsync(OrderlyBatch run, CancellationToken cancellationToken)
    {
        if (HeldBy is { } held)
        {
            return new(OrderlyBatchResult.HeldBy(held));
        }

        var cancellation = Interlocked.Exchange(ref _spare, null) ?? new IsolatedCancellation(EngineScheduler.Pool);
        cancellation.Begin(cancellationToken);
        var consuming = ConsumeAsync(run, cancellation.Token);
        if (!consuming.IsCompleted)
        {
            return new(EndInTimeAsync(consuming.AsTask(), run, cancellation, cancellationToken));
        }

        End(cancellation);
        return consuming;
    }

    /// <summary>A call has ended: its token may be the next one's.</summary>
    private void End(IsolatedCancellation cancellation)
    {
        if (cancellation.TryEnd())
        {
            Volatile.Write(ref _spare, cancellation);
        }
    }

    private async Task<OrderlyBatchResult> EndInTimeAsync(
        Task<OrderlyBatchResult> consuming, OrderlyBatch run, IsolatedCancellation cancellation, CancellationToken cancellationToken)
    {
        try
        {
            return await ListenerAbortGuard.EndInTimeAsync(consuming, grain, run.Group, run.Messages, logger, cancellationToken);
        }
        finally
        {
            if (consuming.IsCompleted)
            {
                End(cancellation);
            }
            else
            {
                cancellation.Dispose();
            }
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

    private async ValueTask<OrderlyBatchResult> ConsumeAsync(OrderlyBatch run, CancellationToken cancellationToken)
    {
        var values = grain.GrainInstance is IOrderlyListener ? null : typed.Of(run.Group, grain.GrainInstance!);
        var (policy, pipeline) = (policies.Of(run.Group), filters.Of(run.Group));
        var batchSize = pipeline is { IsPerMessage: true } ? 1 : run.BatchSize;
        var context = new ConsumeOrderlyContext(run.Group, run.Queue) { Reading = run.Reading };
        var trace = run.IsDirect ? null : consumers.Find(run.Group)?.Trace;
        var start = Stopwatch.GetTimestamp();
        var (succeeded, committed, batches) = (0, 0, 0);
        (StoppedBatch? stopped, List<RejectedByListener>? rejected) = (null, null);
        ProcessTags? spanTags = null;
        var elapsed = TimeSpan.Zero;
        do
        {
            cancellationToken.ThrowIfCancellationRequested();
            var batch = run.Messages.Slice(succeeded, Math.Min(batchSize, run.Messages.Count - succeeded));
            var read = values?.Next(batch);
            batch = read is null ? batch : batch.Slice(0, read.Count);
            context.Reset(run.ReconsumeTimes?[succeeded] ?? batch[0].ReconsumeTimes, run.AutoCommit);
            batches++;
            if (read?.Unreadable is { } reason)
            {
                stopped = TakeUnreadable(run, batch[0], reason, values!.Handling);
                (succeeded, committed) = After(
                    stopped is null ? 1 : 0, run.AutoCommit || !run.MayDecideCommit, succeeded, committed);
                continue;
            }

            (ConsumeOrderlyResult? result, ThrownError? thrown) = (null, null);
            var traced = trace?.Begin(batch);
            // Current while the listener runs, so what it calls belongs to it. When the lock is lost meanwhile it ends as
            // the listener does.
            var span = StartSpan(run, batch, context.ReconsumeTimes, ref spanTags);
            try
            {
                result = await CallAsync(policy, pipeline, run, read, batch, context, cancellationToken);
            }
            catch (Exception exception)
            {
                Log.ListenerFailed(logger, run.Group, batch[0].MessageId, batch.Count, exception);
                thrown = new(exception, MessagingAttributes.TypeOf(exception), policy?.RuleOf(exception, batch[0].Topic));
            }

            EndTrace(trace, traced, result, thrown?.Message);
            var before = elapsed;
            elapsed = Stopwatch.GetElapsedTime(start);
            var autoCommit = context.AutoCommit || !run.MayDecideCommit;
            var errorType = thrown?.Type ?? ErrorTypeOf(result, autoCommit);
            ProcessSpan.End(span, errorType, thrown?.Message);
            metrics.Processed(run.Group, run.Queue.Topic, elapsed - before, errorType);
            stopped = StopOf(run, batch, context, result, autoCommit, thrown, errorType);
            (var done, stopped, rejected) = OrderlyOutcomes.Apply(batch, context, stopped, autoCommit, succeeded);
            (succeeded, committed) = After(done, autoCommit || result == ConsumeOrderlyResult.Commit, succeeded, committed);
        }
        while (stopped is null && rejected is null && HasMore(run, succeeded, elapsed) && !cancellationToken.IsCancellationRequested);

        return ResultOf(new(succeeded, committed, stopped, batches, elapsed), rejected);
    }

    private OrderlyBatchResult ResultOf(OrderlyBatchResult result, List<RejectedByListener>? rejected) => result with
    {
        Activation = grain.ActivationId,
        Rejected = rejected,
        Silo = result.Stopped is null && rejected is null ? null : grain.Address.SiloAddress?.ToParsableString(),
    };

    /// <summary>Why the listener can take nothing just now; null when it can.</summary>
    private string? HeldBy => (grain.GrainInstance as IHasOutbox)?.Full;

    private bool HasMore(OrderlyBatch run, int succeeded, TimeSpan elapsed)
        => succeeded < run.Messages.Count && elapsed < run.TimeLimit && HeldBy is null;

    /// <summary>How far the run is after a batch of which the first messages are done.</summary>
    private static (int Succeeded, int Committed) After(int done, bool commits, int succeeded, int committed)
        => (succeeded + done, done > 0 && commits ? succeeded + done : committed);

    private static void EndTrace(MessageTrace? trace, TracedCall? traced, ConsumeOrderlyResult? result, string? error)
    {
        if (traced is not null)
        {
            trace!.End(traced, IsSuccess(result), OutcomeOf(result, error));
        }
    }

    /// <summary>What ends the run because of a batch that did not succeed; null when it did.</summary>
    private StoppedBatch? StopOf(
        OrderlyBatch run,
        ArraySegment<MessageExt> batch,
        ConsumeOrderlyContext context,
        ConsumeOrderlyResult? result,
        bool autoCommit,
        ThrownError? thrown,
        string? errorType)
    {
        var isRollback = result == ConsumeOrderlyResult.Rollback;
        if (isRollback && autoCommit)
        {
            Log.RollbackMeansSuccess(logger, run.Group, batch[0].MessageId);
            return null;
        }

        if (IsSuccess(result))
        {
            return null;
        }

        var error = thrown?.Message ?? Complaint(run, batch, result);
        var stopped = new StoppedBatch(batch.Count, isRollback, context.SuspendCurrentQueueTime, autoCommit, error, errorType);
        return thrown?.On(stopped) ?? stopped;
    }

    /// <summary>What ends the run because of a message that the listener cannot be given; null when it is skipped.</summary>
    private StoppedBatch? TakeUnreadable(OrderlyBatch run, MessageExt message, string reason, UnreadableHandling handling)
    {
        typed.NoteUnreadable(run.Group, message, reason, handling);
        return handling == UnreadableHandling.Skip ? null : new(
            1,
            IsRollback: false,
            Pause: null,
            run.AutoCommit || !run.MayDecideCommit,
            reason,
            ErrorTypes.Unreadable,
            handling == UnreadableHandling.DeadLetter ? reason : null);
    }

    private static bool IsSuccess(ConsumeOrderlyResult? result)
        => result is ConsumeOrderlyResult.Success or ConsumeOrderlyResult.Commit;

    private static TraceOutcome OutcomeOf(ConsumeOrderlyResult? result, string? error)
        => error is not null ? TraceOutcome.Exception : IsSuccess(result) ? TraceOutcome.Success : TraceOutcome.Failed;

    private static string? ErrorTypeOf(ConsumeOrderlyResult? result, bool autoCommit) => result switch
    {
        ConsumeOrderlyResult.Success or ConsumeOrderlyResult.Commit => null,
        ConsumeOrderlyResult.Rollback => autoCommit ? null : ErrorTypes.Rollback,
        _ => ErrorTypes.SuspendCurrentQueue,
    };

    /// <summary>What is wrong with a result that is none; in Java it would leave the queue standing still for ever.</summary>
    private string? Complaint(OrderlyBatch run, ArraySegment<MessageExt> batch, ConsumeOrderlyResult? result)
    {
        if (result is null or ConsumeOrderlyResult.SuspendCurrentQueue or ConsumeOrderlyResult.Rollback)
        {
            return null;
        }

        Log.UnknownResult(logger, run.Group, (int)result, batch[0].MessageId);
        return $"The listener returned {(int)result}, which is no {nameof(ConsumeOrderlyResult)}.";
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
