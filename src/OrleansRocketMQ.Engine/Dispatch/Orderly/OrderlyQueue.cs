using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Locks;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Scheduling;
using OrleansRocketMQ.Engine.Window;

namespace OrleansRocketMQ.Engine.Dispatch.Orderly;

/// <summary>
/// Consumes one queue in order: a loop that gives its listener one run after the other, waits after a failure, and sees
/// to what is parked in between. Whether the queue may be worked on is its lease's word, asked before every call and
/// before a result counts.
/// </summary>
internal sealed partial class OrderlyQueue
{
    private static readonly TimeSpan LeastPause = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan MostPause = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan StorageTimeout = TimeSpan.FromSeconds(5);

    private readonly IDispatchedQueue _pump;
    private readonly OrderlyInvoker _listener;
    private readonly OrderlyDispatcher _group;
    private readonly OrderlyDispatchBuffer _backlog;
    private readonly FailureCounts _failures;
    private readonly WakeUp _wake = new();
    private readonly Lock _gate = new();
    private readonly long _start;
    private Task _running = Task.CompletedTask;
    private TimeSpan _resumeAt;
    private bool _started;
    private bool _lastWasParked;
    private bool _toldUncommitted;
    private ProcessQueueRange _inWork;
    private ProcessQueueRange[] _parkedInWork = [];

    public OrderlyQueue(IDispatchedQueue pump, OrderlyInvoker listener, OrderlyDispatcher group)
    {
        _pump = pump;
        _listener = listener;
        _group = group;
        _backlog = new(pump.Runs, new ParkedKeys(group.Options.MaxParkedKeys, group.Options.MaxParkedMessages));
        _failures = new(group.Storage, pump.Queue, StorageTimeout, group.Runtime, group.Logger);
        _start = group.Runtime.Time.GetTimestamp();
        pump.Runs.Restarted += Wake;
    }

    /// <summary>Ends some time after the queue's stop has begun.</summary>
    public Task Ended
    {
        get
        {
            lock (_gate)
            {
                return _running;
            }
        }
    }

    private ConsumerOptions Options => _group.Options;

    /// <summary>Whether nothing more comes until the listener commits.</summary>
    private bool WaitsForCommit => _backlog.UncommittedMessages is > 0 and var uncommitted
        && uncommitted >= (_pump.ComesWhenAllIsDone ? _pump.Runs.Window.Count : Options.PullThresholdForQueue);

    private bool Parks => Options.PoisonHandling == PoisonHandling.Park;

    /// <summary>The queue's own clock.</summary>
    private TimeSpan Now => _group.Runtime.Time.GetElapsedTime(_start);

    /// <summary>Starts the loop, once.</summary>
    public void Start()
    {
        if (Volatile.Read(ref _started))
        {
            return;
        }

        lock (_gate)
        {
            if (!_started)
            {
                _started = true;
                _running = _group.Runtime.Scheduler.StartLoop(
                    $"{_pump.Queue} of group {Options.Group}, in order", RunAsync, _group.Runtime.Time, _group.Logger, _pump.Stopping);
            }
        }
    }

    /// <summary>Something may have changed: messages came, or the queue has begun anew.</summary>
    public void Wake() => _wake.Call();

    /// <summary>Messages the listener works on, without those that wait, parked or uncommitted.</summary>
    public int InCall => _listener.InCall;

    public QueueSnapshot Describe(QueueSnapshot snapshot) => snapshot with
    {
        InFlight = _listener.InCall,
        Orderly = new OrderlySnapshot(
            _pump.Ownership.IsValid,
            IsSuspended: _resumeAt > Now,
            _backlog.UncommittedMessages,
            _failures.Snapshot,
            _backlog.Parked.Snapshot),
    };

    private async Task RunAsync()
    {
        while (!_pump.Stopping.IsCancellationRequested)
        {
            try
            {
                await StepAsync();
            }
            catch (OperationCanceledException) when (_pump.Stopping.IsCancellationRequested)
            {
                EndLeases();
                break;
            }
            catch (Exception exception)
            {
                // Nobody but this loop would ever consume the queue.
                Log.StepFailed(_group.Logger, Options.Group, _pump.Queue, exception);
                _pump.Fail(exception);
                EndLeases();
                await PauseAsync();
            }
        }

        _pump.Runs.Restarted -= Wake;
        _pump.OnProgress();
        await _listener.LeaveAsync();
        _group.Forget(_pump);
    }

    private async Task PauseAsync()
    {
        try
        {
            await Task.Delay(Options.RetryInterval, _group.Runtime.Time, _pump.Stopping);
        }
        catch (OperationCanceledException)
        {
            // The queue stops.
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask StepAsync()
    {
        var ownership = _pump.Ownership;
        if (!ownership.IsValid)
        {
            await WaitAsync(longest: null);
            return;
        }

        if (_backlog.BeginsAnew(out var offset))
        {
            _resumeAt = TimeSpan.Zero;
            _toldUncommitted = false;
            await _failures.BeginAsync(offset);
        }

        if (!_pump.Runs.MayLease)
        {
            // For new messages, for those that came back and for parked ones alike. Whoever opens it wakes the queue.
            await WaitAsync(longest: null);
            return;
        }

        // One moment for all questions: what is due a little later must be waited for, not overlooked.
        var now = Now;
        var parked = _backlog.Parked.First;
        var parkedIsDue = parked is not null && parked.Due <= now;
        var gathers = Gathers(now);
        if (!parkedIsDue || _lastWasParked)
        {
            var range = _resumeAt <= now ? _backlog.LeaseFree(_group.AdaptiveBatchSizer.Batches * Options.ConsumeBatchSize) : default;
            if (!range.IsEmpty)
            {
                _lastWasParked = false;
                _inWork = range;
                await ConsumeAsync(range, ownership);
                _inWork = default;
                return;
            }
        }

        if (parkedIsDue)
        {
            _lastWasParked = true;
            _parkedInWork = _backlog.LeaseParked(parked!, _group.AdaptiveBatchSizer.Batches * Options.ConsumeBatchSize);
            await ConsumeParkedAsync(parked!, _parkedInWork, ownership);
            _parkedInWork = [];
        }
        else if (_backlog.IsCurrent)
        {
            await WaitAsync(UntilDue(parked, now, gathers));
        }
    }

    /// <summary>How long messages gather yet that wait for nothing else; null when none do.</summary>
    private TimeSpan? Gathers(TimeSpan now)
        => _resumeAt <= now && _pump.Runs.Due is { } due && _pump.Runs.Rule!.Until(due) is var left && left > TimeSpan.Zero ? left : null;

    private TimeSpan? UntilDue(ParkedKey? parked, TimeSpan now, TimeSpan? gathers)
    {
        TimeSpan? resumes = _resumeAt > now ? _resumeAt - now : gathers;
        TimeSpan? unparks = parked is not null ? parked.Due - now : null;
        return resumes < unparks ? resumes : unparks ?? resumes;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask ConsumeAsync(ProcessQueueRange range, QueueLease ownership)
    {
        var result = await CallAsync(range.Messages, ownership);
        if (result is null || !ownership.IsValid)
        {
            _backlog.PutBack(range);
            return;
        }

        CountFailures(range.Messages, result, ownership);
        if (result.Rejected.Count > 0)
        {
            result = await FileRejectedAsync(index => range.Slice(index, 1), result, ownership);
        }

        var rest = range.Slice(result.Succeeded, range.Messages.Count - result.Succeeded);
        if (result.Succeeded > 0)
        {
            var done = range.Slice(0, result.Succeeded);
            _pump.Statistics.Count(done.Messages, result.RejectedAmong(result.Succeeded), result.ListenerTime, ErrorTypes.Rejected);
            Succeed(done, result.Committed, result.Rejected.Count == 0);
        }

        if (result.Stopped is { } stopped && !ownership.Listening.IsCancellationRequested)
        {
            _backlog.PutBack(rest.Slice(stopped.Count, rest.Messages.Count - stopped.Count).Alone());
            var batch = rest.Slice(0, stopped.Count).Alone();
            await HandleAsync(batch, result, stopped, ownership);
        }
        else
        {
            _backlog.PutBack(rest.Alone());
        }

        await _failures.SaveAsync(_pump.Runs.Window.Snapshot);
        _pump.OnProgress();
    }

    /// <summary>Calls the listener. Null when it has not judged the messages: they stay where they are.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<OrderlyOutcome?> CallAsync(ArraySegment<MessageExt> messages, QueueLease ownership)
    {
        var reconsumeTimes = _failures.Any ? messages.Select(_failures.Of).ToArray() : null;
        var result = await _listener.CallAsync(messages, reconsumeTimes, ownership);
        if (_listener.ReachableIn is { } wait)
        {
            // A parked key's call must not shorten what the others wait for.
            _resumeAt = Now + wait > _resumeAt ? Now + wait : _resumeAt;
        }

        return result;
    }

    /// <summary>Everything that succeeded is done, and the range too.</summary>
    private void Commit(ProcessQueueRange range)
    {
        foreach (var earlier in _backlog.TakeUncommitted())
        {
            _failures.Forget(earlier.Messages);
            earlier.Window.CompleteAside(earlier);
        }

        if (!range.IsEmpty)
        {
            Complete(range);
        }
    }

    private void Complete(ProcessQueueRange range)
    {
        _failures.Forget(range.Messages);
        range.Complete();
    }

    private async Task WaitAsync(TimeSpan? longest)
    {
        if (!_toldUncommitted && WaitsForCommit)
        {
            _toldUncommitted = true;
            Log.NotCommitted(_group.Logger, Options.Group, _pump.Queue, _backlog.UncommittedMessages);
        }

        await _wake.WaitAsync(longest, _group.Runtime.Time, _pump.Stopping);
    }

    private static partial class Log
    {
        [LoggerMessage(
            184,
            LogLevel.Error,
            "Message {MessageId} of group {Group} has failed {Times} times and goes to the dead letters; its queue goes on")]
        public static partial void DeadLetter(ILogger logger, string messageId, string group, int times);

        [LoggerMessage(
            185,
            LogLevel.Warning,
            "Group {Group}, {Queue}: key {Key} is set aside with message {MessageId}, which failed; other keys go on")]
        public static partial void Parked(ILogger logger, string group, MessageQueue queue, string key, string messageId);

        [LoggerMessage(186, LogLevel.Error, "Group {Group}: consuming {Queue} in order failed, it is tried again")]
        public static partial void StepFailed(ILogger logger, string group, MessageQueue queue, Exception exception);

        [LoggerMessage(
            187,
            LogLevel.Warning,
            "Group {Group}, {Queue}: {Count} messages succeeded but are not committed; nothing more comes until the listener commits")]
        public static partial void NotCommitted(ILogger logger, string group, MessageQueue queue, int count);
    }
}
