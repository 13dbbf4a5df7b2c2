namespace OrleansRocketMQ.Chaos.Silo;

/// <summary>A timer of the system that is brought forward when its clock says that the machine stood still.</summary>
internal sealed class ChaosTimer : ITimer
{
    private readonly Lock _gate = new();
    private readonly ChaosClock _clock;
    private readonly TimerCallback _callback;
    private readonly object? _state;
    private readonly ITimer _timer;

    // By the clock; null while it waits for nothing.
    private long? _due;
    private TimeSpan _period;

    public ChaosTimer(ChaosClock clock, TimerCallback callback, object? state)
    {
        (_clock, _callback, _state) = (clock, callback, state);
        _timer = TimeProvider.System.CreateTimer(
            static self => ((ChaosTimer)self!).OnTime(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public bool Change(TimeSpan dueTime, TimeSpan period)
    {
        lock (_gate)
        {
            _due = dueTime == Timeout.InfiniteTimeSpan
                ? null
                : _clock.GetTimestamp() + (long)(dueTime.TotalSeconds * _clock.TimestampFrequency);
            _period = period;
            return _timer.Change(dueTime, period);
        }
    }

    public void BringForward()
    {
        lock (_gate)
        {
            if (_due is { } due)
            {
                var left = _clock.GetElapsedTime(_clock.GetTimestamp(), due);
                _timer.Change(left > TimeSpan.Zero ? left : TimeSpan.Zero, _period);
            }
        }
    }

    public void Dispose() => _timer.Dispose();

    public ValueTask DisposeAsync() => _timer.DisposeAsync();

    private void OnTime()
    {
        lock (_gate)
        {
            _due = _period > TimeSpan.Zero ? _clock.GetTimestamp() + (long)(_period.TotalSeconds * _clock.TimestampFrequency) : null;
        }

        // Without the lock: it may change the timer.
        _callback(_state);
    }
}
