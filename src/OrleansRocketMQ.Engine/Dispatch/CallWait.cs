using System.Runtime.CompilerServices;
using System.Threading.Tasks.Sources;
using OrleansRocketMQ.Engine.Ports;

namespace OrleansRocketMQ.Engine.Dispatch;

/// <summary>
/// Waits for a listener's call, at most for some time. A wait takes no memory and mostly sets no timer: one that is set for an
/// earlier end than that of the wait under way goes on to the later one when it fires. For one wait at a time; whoever waits
/// goes on by its own scheduler.
/// </summary>
internal sealed class CallWait : IValueTaskSource<bool>, IDisposable
{
    // A wait that has no end is made of these.
    private static readonly TimeSpan s_longestWait = TimeSpan.FromHours(1);

    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private readonly Action _onEnded;
    private readonly ITimer _timer;
    private ManualResetValueTaskSourceCore<bool> _core;
    private CancellationTokenRegistration _cancelled;
    private Task? _call;
    private bool _isWaiting;
    private long _due;
    private long? _timerDue;

    public CallWait(TimeProvider time)
    {
        _time = time;
        Renewal = new(time);
        _onEnded = OnEnded;
        _timer = time.CreateTimer(
            static wait => ((CallWait)wait!).OnTimer(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Of the slot's calls.</summary>
    public CallRenewal Renewal { get; }

    /// <summary>
    /// Waits until the call has ended, at most for its time, which the listener may begin anew. A listener that is elsewhere is asked
    /// after it now and then.
    /// </summary>
    /// <param name="call">The call, the slot's last one.</param>
    /// <param name="listener">Whose call it is.</param>
    /// <param name="named">The call's name.</param>
    /// <param name="longest">Its time; null when it has none.</param>
    /// <param name="cancellationToken">Fires when nobody waits any more.</param>
    /// <returns>What has become of it; not ended when its time was over first. To be awaited once.</returns>
    /// <exception cref="OperationCanceledException">Nobody waits any more.</exception>
    /// <exception cref="RocketMQException">The call has not reached its listener, and will not.</exception>
    public ValueTask<CallWord<TOutcome>> EndOfAsync<TOutcome>(
        Task<TOutcome> call, ICallee<TOutcome> listener, RenewableCall named, TimeSpan? longest, CancellationToken cancellationToken)
        => call.IsCompletedSuccessfully
            ? new(new CallWord<TOutcome>(CallState.Ended, call.Result))
            : WaitAndAskAsync(call, listener, named, longest, cancellationToken);

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<CallWord<TOutcome>> WaitAndAskAsync<TOutcome>(
        Task<TOutcome> call, ICallee<TOutcome> listener, RenewableCall named, TimeSpan? longest, CancellationToken cancellationToken)
    {
        var began = _time.GetTimestamp();
        Task<CallWord<TOutcome>>? asked = null;
        while (LeftOf(longest, began) is { Ticks: > 0 } left)
        {
            if (await WaitAsync(call, Renewal.IsHere || left < ListenerTimes.AskAfter ? left : ListenerTimes.AskAfter, cancellationToken))
            {
                return new(CallState.Ended, await call);
            }

            if (asked is { IsCompletedSuccessfully: true, Result: { State: not CallState.UnderWay } word })
            {
                return word.State == CallState.Ended ? word : throw new RocketMQException(
                    RocketMQErrorCode.State,
                    "The call has not reached its listener: a connection between silos broke while it was under way.");
            }

            asked = Renewal.IsHere || asked is { IsCompleted: false } ? asked : listener.AskAsync(named, cancellationToken);
        }

        return default;
    }

    private TimeSpan LeftOf(TimeSpan? longest, long began)
    {
        if (longest is not { } time)
        {
            return s_longestWait;
        }

        var left = time - _time.GetElapsedTime(began);
        return left > TimeSpan.Zero ? left : Renewal.Left(time);
    }

    /// <summary>Waits until the call has ended. May be asked for the same call again.</summary>
    /// <returns>Whether it has; false when the time was over first. To be awaited once.</returns>
    /// <exception cref="OperationCanceledException">Nobody waits any more.</exception>
    public ValueTask<bool> WaitAsync(Task call, TimeSpan longest, CancellationToken cancellationToken)
    {
        if (call.IsCompleted)
        {
            return new(true);
        }

        bool isNew;
        lock (_gate)
        {
            _core.Reset();
            isNew = !ReferenceEquals(_call, call);
            _call = call;
            _isWaiting = true;
            _due = _time.GetTimestamp() + TicksOf(longest);
            if (_timerDue is not { } set || _due < set)
            {
                SetTimer(longest);
            }
        }

        if (isNew)
        {
            call.GetAwaiter().UnsafeOnCompleted(_onEnded);
        }
        else if (call.IsCompleted)
        {
            // It told so between the two waits, when nobody heard it.
            OnEnded();
        }

        _cancelled = cancellationToken.UnsafeRegister(static (wait, token) => ((CallWait)wait!).OnCancelled(token), this);
        return new(this, _core.Version);
    }

    public void Dispose() => _timer.Dispose();

    bool IValueTaskSource<bool>.GetResult(short token)
    {
        // Nothing of this wait may reach the next one.
        _cancelled.Dispose();
        _cancelled = default;
        return _core.GetResult(token);
    }

    ValueTaskSourceStatus IValueTaskSource<bool>.GetStatus(short token) => _core.GetStatus(token);

    void IValueTaskSource<bool>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags)
        => _core.OnCompleted(continuation, state, token, flags);

    private void OnEnded()
    {
        lock (_gate)
        {
            // A call that nobody waited for any more may end late, during the wait for another one.
            if (!_isWaiting || !_call!.IsCompleted)
            {
                return;
            }

            _isWaiting = false;
        }

        _core.SetResult(true);
    }

    private void OnCancelled(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (!_isWaiting)
            {
                return;
            }

            _isWaiting = false;
        }

        _core.SetException(new OperationCanceledException(cancellationToken));
    }

    private void OnTimer()
    {
        lock (_gate)
        {
            _timerDue = null;
            if (!_isWaiting)
            {
                return;
            }

            var now = _time.GetTimestamp();
            if (now < _due)
            {
                SetTimer(_time.GetElapsedTime(now, _due));
                return;
            }

            _isWaiting = false;
        }

        _core.SetResult(false);
    }

    // Timers count whole milliseconds, and would fire a little too early.
    private void SetTimer(TimeSpan left)
    {
        _timerDue = _due;
        _timer.Change(TimeSpan.FromMilliseconds(Math.Ceiling(left.TotalMilliseconds)), Timeout.InfiniteTimeSpan);
    }

    private long TicksOf(TimeSpan time) => (long)(time.TotalSeconds * _time.TimestampFrequency);
}
