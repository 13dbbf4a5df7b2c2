using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Orleans.Runtime;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Effects;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Scheduling;
using OrleansRocketMQ.Filters;
using OrleansRocketMQ.Telemetry;
using OrleansRocketMQ.Tracing;

namespace OrleansRocketMQ.Dispatch;

/// <inheritdoc cref="IListenerRunner"/>
internal sealed partial class ListenerInvoker(
    IGrainContext grain,
    ConsumerRegistry consumers,
    RemoteInvocationDrain guests,
    RocketMQMetrics metrics,
    TypedListeners typed,
    ConsumeFilters filters,
    ErrorPolicies policies,
    TimeProvider time,
    ILogger<ListenerInvoker> logger) : IListenerRunner
{
    private static readonly TimeSpan GraceInOrder = TimeSpan.FromSeconds(30);

    private RunMemory<DispatchBatchResult>? _memory;
    private CallPlan? _plan;
    private RunProgress? _spare;

    public ValueTask<DispatchBatchResult> RunAsync(DispatchBatch run, CancellationToken cancellationToken)
    {
        if (run.IsMeantForAnother(grain.ActivationId, consumers))
        {
            return new(DispatchBatchResult.RefusedUnlessNamed(grain.ActivationId));
        }

        run.Renewable?.NoteHere();

        // Orleans does not carry a cancellation to stateless workers, which is what listeners mostly are. Where the queue
        // runs on this silo its own token is at hand.
        if (run.Ownership is { } ownership)
        {
            return BeginAsync(run, ownership.Listening);
        }

        if (!guests.TryBegin())
        {
            grain.Deactivate(new(DeactivationReasonCode.ShuttingDown, "The listener's silo stops."), CancellationToken.None);
            return new(DispatchBatchResult.Refused);
        }

        var memory = run.IsAskedAfter() ? _memory ??= RunMemory<DispatchBatchResult>.Of(grain) : null;
        return guests.EndAfter(memory is null
            ? BeginAsync(run, cancellationToken)
            : memory.KeepAsync(run, BeginAsync, DispatchBatchResult.Refused, cancellationToken));
    }

    private ValueTask<DispatchBatchResult> BeginAsync(DispatchBatch run, CancellationToken cancellationToken)
    {
        if ((grain.GrainInstance as IHasOutbox)?.Full is { } held)
        {
            return new(DispatchBatchResult.HeldBy(held));
        }

        var progress = Interlocked.Exchange(ref _spare, null) ?? new RunProgress(time);
        progress.Begin(run, cancellationToken);
        var consuming = grain.GrainInstance is ILeasedListener ? ConsumeLeasedAsync(run, progress) : ConsumeAsync(run, progress);
        if (!consuming.IsCompleted)
        {
            return new(EndInTimeAsync(consuming.AsTask(), run, progress, cancellationToken));
        }

        End(progress);
        return consuming;
    }

    /// <summary>A run has ended that was not given up: what it needed may be the next one's.</summary>
    private void End(RunProgress progress)
    {
        if (progress.TryEnd())
        {
            Volatile.Write(ref _spare, progress);
        }
    }

    /// <summary>
    /// Ends the call though the listener does not: when a batch has taken too long, or the queue's time to stop is over
    /// and Orleans would wait for the call. The activation is given up then, so that no later call runs beside the one that
    /// hangs.
    /// </summary>
    private async Task<DispatchBatchResult> EndInTimeAsync(
        Task<DispatchBatchResult> consuming, DispatchBatch run, RunProgress progress, CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                // One clock for the whole run: when it strikes, the batch under way may have begun later than the run.
                var left = run.ConsumeTimeout - time.GetElapsedTime(progress.TimeBegan);
                if (left <= TimeSpan.Zero && !consuming.IsCompleted)
                {
                    return GiveUp(consuming, run, progress);
                }

                try
                {
                    return await consuming.WaitAsync(left > TimeSpan.Zero ? left : TimeSpan.Zero, time, cancellationToken);
                }
                catch (TimeoutException)
                {
                    // Looks at the batch again. Listeners' own exceptions do not get here.
                }
            }
        }
        catch (OperationCanceledException) when (!consuming.IsCompleted)
        {
            await Task.WhenAny(consuming, Task.Delay(GraceOf(run), CancellationToken.None));
        }
        finally
        {
            if (consuming.IsCompleted && !progress.IsGivenUp)
            {
                End(progress);
            }
        }

        if (!consuming.IsCompleted)
        {
            ListenerAbortGuard.Report(logger, run.Group, run.Messages);
            LeaveAlone(consuming, run, progress);
        }

        // Whoever called has stopped waiting; the messages come again elsewhere.
        throw new OperationCanceledException(cancellationToken);
    }

    /// <summary>The result of a run whose last batch takes too long: what was done before it, and that batch as failed.</summary>
    private DispatchBatchResult GiveUp(Task<DispatchBatchResult> consuming, DispatchBatch run, RunProgress progress)
    {
        var batch = progress.Batch;
        Log.TimedOut(logger, run.Group, batch, run.Messages[progress.Consumed].MessageId, run.ConsumeTimeout);
        var failures = progress.Failures ?? [];
        for (var index = 0; index < batch; index++)
        {
            failures.Add(ListenerFailure.TimedOut(progress.Consumed + index, run.ConsumeTimeout));
        }

        metrics.Processed(run.Group, run.Queue.Topic, time.GetElapsedTime(progress.BatchBegan), ErrorTypes.Timeout);
        var result = new DispatchBatchResult(progress.Consumed + batch, time.GetElapsedTime(progress.RunBegan), failures, batch)
        {
            Silo = Silo,
        };
        LeaveAlone(consuming, run, progress);
        return result;
    }

    /// <summary>Fires the listener's token and turns to other things; nothing that comes of the call counts any more.</summary>
    private void LeaveAlone(Task<DispatchBatchResult> consuming, DispatchBatch run, RunProgress progress)
    {
        progress.GiveUp();
        // It may never end, and what never ends is never seen.
        ProcessSpan.End(progress.Span, ErrorTypes.Timeout, "The listener did not end in time.");
        grain.Deactivate(new(DeactivationReasonCode.ApplicationRequested, "The listener does not end."), CancellationToken.None);
        var statistics = consumers.Find(run.Group)?.Statistics;
        consuming.ContinueWith(
            _ =>
            {
                statistics?.CountLateResult();
                progress.Dispose();
            },
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
    }

    /// <summary>Messages that are leased stay until the last call for them has really ended, whoever waits for it.</summary>
    private async ValueTask<DispatchBatchResult> ConsumeLeasedAsync(DispatchBatch run, RunProgress progress)
    {
        if (!progress.Leased.TryBegin(run.Messages))
        {
            return DispatchBatchResult.Refused;
        }

        try
        {
            return await ConsumeAsync(run, progress);
        }
        finally
        {
            progress.Leased.End();
        }
    }

    private async ValueTask<DispatchBatchResult> ConsumeAsync(DispatchBatch run, RunProgress progress)
    {
        progress.Plan = PlanOf(run.Group);
        progress.Trace = run.IsDirect ? null : consumers.Find(run.Group)?.Trace;
        progress.RunBegan = progress.BatchBegan = time.GetTimestamp();
        while (CallUntilOneWaits(run, progress) is { } call)
        {
            var result = ConsumeResult.ReconsumeLater;
            ThrownError? thrown = null;
            try
            {
                result = await call;
            }
            catch (Exception exception)
            {
                thrown = Thrown(run, progress, exception);
            }

            if (progress.IsGivenUp)
            {
                EndTrace(progress, result, thrown?.Message);
                break;
            }

            Take(run, progress, result, thrown);
        }

        return ResultOf(progress);
    }

    /// <summary>Has batches consumed until a call of the listener does not end at once and well, or so late that it was given up.</summary>
    /// <returns>That call; null when the run is over.</returns>
    private ValueTask<ConsumeResult>? CallUntilOneWaits(DispatchBatch run, RunProgress progress)
    {
        var plan = progress.Plan!;
        var batchSize = plan.IsPerMessage ? 1 : run.BatchSize;
        while (progress.Consumed == 0 || GoesOn(run, progress))
        {
            var batch = run.Messages.Slice(progress.Consumed, Math.Min(batchSize, run.Messages.Count - progress.Consumed));
            var read = plan.Values?.Next(batch);
            batch = read is null ? batch : batch.Slice(0, read.Count);
            if (run.Share?.TryClaim(progress.Consumed + batch.Count) == false)
            {
                return null;
            }

            progress.Batch = batch.Count;
            if (read?.Unreadable is { } reason)
            {
                TakeUnreadable(run, progress, batch[0], reason, plan.Values!.Handling);
                continue;
            }

            var context = progress.Context;
            context.Reset(batch[0].ReconsumeTimes + (progress.Consumed == 0 ? run.Failures : 0));
            progress.Traced = progress.Trace?.Begin(batch);
            // Current while the listener runs, so what it calls belongs to it.
            progress.Span = plan.IsWarmUp ? null : StartSpan(run, progress, batch);
            ValueTask<ConsumeResult> call;
            try
            {
                call = plan.Call(read, batch, context, progress);
            }
            catch (Exception exception)
            {
                call = ValueTask.FromException<ConsumeResult>(exception);
            }

            if (!call.IsCompletedSuccessfully || progress.IsGivenUp)
            {
                return call;
            }

            Take(run, progress, call.Result, thrown: null);
        }

        return null;
    }

    /// <summary>A batch is done.</summary>
    private void Take(DispatchBatch run, RunProgress progress, ConsumeResult result, ThrownError? thrown)
    {
        EndTrace(progress, result, thrown?.Message);
        var succeeded = result == ConsumeResult.Success ? (long)progress.Context.AckIndex + 1 : 0;
        var errorType = progress.Take(succeeded, thrown);
        ProcessSpan.End(progress.Span, errorType, thrown?.Message);
        var took = EndBatch(progress);
        if (!progress.Plan!.IsWarmUp)
        {
            metrics.Processed(run.Group, run.Queue.Topic, took, errorType);
        }
    }

    /// <summary>The listener has thrown.</summary>
    private ThrownError Thrown(DispatchBatch run, RunProgress progress, Exception exception)
    {
        var first = run.Messages[progress.Consumed];
        Log.ListenerFailed(logger, run.Group, first.MessageId, progress.Batch, exception);
        return new(exception, MessagingAttributes.TypeOf(exception), progress.Plan!.Policy?.RuleOf(exception, first.Topic));
    }

    /// <summary>How the listener is called; an activation mostly listens for one group.</summary>
    private CallPlan PlanOf(string group)
        => _plan?.Group == group
            ? _plan
            : _plan = new(group, grain.GrainInstance!, typed, filters.Of(group), policies.Of(group));

    /// <summary>A message the listener cannot be given is a batch of its own, and no call.</summary>
    private void TakeUnreadable(DispatchBatch run, RunProgress progress, MessageExt message, string reason, UnreadableHandling handling)
    {
        typed.NoteUnreadable(run.Group, message, reason, handling);
        if (handling != UnreadableHandling.Skip)
        {
            var isDead = handling == UnreadableHandling.DeadLetter;
            (progress.Failures ??= []).Add(new ListenerFailure(
                progress.Consumed, isDead ? ConsumeContext.ToDeadLetters : 0, reason, ErrorTypes.Unreadable, isDead ? reason : null));
        }

        progress.Consumed++;
        EndBatch(progress);
    }

    private static TraceOutcome OutcomeOf(ConsumeResult result, string? error, bool isGivenUp) => (error, isGivenUp, result) switch
    {
        (not null, _, _) => TraceOutcome.Exception,
        (_, true, _) => TraceOutcome.TimeOut,
        (_, _, ConsumeResult.Success) => TraceOutcome.Success,
        _ => TraceOutcome.Failed,
    };

    private static void EndTrace(RunProgress progress, ConsumeResult result, string? error)
    {
        if (progress.Traced is { } traced)
        {
            progress.Traced = null;
            progress.Trace!.End(traced, result == ConsumeResult.Success, OutcomeOf(result, error, progress.IsGivenUp));
        }
    }

    private Activity? StartSpan(DispatchBatch run, RunProgress progress, ArraySegment<MessageExt> batch)
    {
        if (!ProcessSpan.AreWanted)
        {
            return null;
        }

        progress.SpanTags = ProcessTags.Of(progress.SpanTags, run.Group, consumers, run.Queue, batch[0].Topic);
        return ProcessSpan.Start(progress.SpanTags, batch, progress.Context.ReconsumeTimes);
    }

    private bool GoesOn(DispatchBatch run, RunProgress progress) => progress.Consumed < run.Messages.Count
        && !(run.InOrder && progress.Failures is not null)
        && progress.Plan!.Outbox?.Full is null
        && time.GetElapsedTime(progress.RunBegan, progress.BatchBegan) < run.TimeLimit
        && !progress.Token.IsCancellationRequested;

    /// <summary>How long the batch took; the next one begins.</summary>
    private TimeSpan EndBatch(RunProgress progress)
    {
        var began = progress.BatchBegan;
        progress.BatchBegan = time.GetTimestamp();
        return time.GetElapsedTime(began, progress.BatchBegan);
    }

    private DispatchBatchResult ResultOf(RunProgress progress)
        => new(progress.Consumed, time.GetElapsedTime(progress.RunBegan), progress.Failures)
        {
            Activation = grain.ActivationId,
            Silo = progress.Failures is null ? null : Silo,
        };

    private string? Silo => grain.Address.SiloAddress?.ToParsableString();

    // A key's next messages may come from the queue's new owner, and must wait for a call of the old one that is late to
    // end. Only a silo that stops itself cannot wait for it.
    private TimeSpan GraceOf(DispatchBatch run)
        => run.InOrder && consumers.Find(run.Group) is { IsStopping: false, IsLeaving: false } ? GraceInOrder : ListenerAbortGuard.Grace;

    private static partial class Log
    {
        [LoggerMessage(101, LogLevel.Warning, "The listener of group {Group} failed on message {MessageId} and the {Count} of its batch")]
        public static partial void ListenerFailed(ILogger logger, string group, string messageId, int count, Exception exception);

        [LoggerMessage(
            103,
            LogLevel.Error,
            "The listener of group {Group} has had {Count} messages from {MessageId} on for more than {Limit}; they go back to the "
            + "broker, and what it says later is ignored")]
        public static partial void TimedOut(ILogger logger, string group, int count, string messageId, TimeSpan limit);
    }
}
