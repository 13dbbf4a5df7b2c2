using System.Collections.Concurrent;

namespace OrleansRocketMQ.TestKit;

/// <summary>
/// The clock of a test kit: the system's, set ahead by the test. What measures how long something takes, and what waits, goes by real
/// time, so that nothing in work times out. <see cref="ForBroker"/> alone wakes what waits for a time of day. Thread-safe.
/// </summary>
internal sealed class KitClock : TimeProvider
{
    private readonly ConcurrentDictionary<JumpingTimer, bool> _timers = new();
    private long _ahead;

    public KitClock() => ForBroker = new BrokerClock(this);

    /// <summary>The same for the embedded broker, whose timers come due when the clock is set ahead.</summary>
    public TimeProvider ForBroker { get; }

    public override TimeZoneInfo LocalTimeZone => System.LocalTimeZone;

    public override long TimestampFrequency => System.TimestampFrequency;

    private TimeSpan Ahead => TimeSpan.FromTicks(Interlocked.Read(ref _ahead));

    public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + Ahead;

    public override long GetTimestamp() => System.GetTimestamp();

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        => System.CreateTimer(callback, state, dueTime, period);

    /// <summary>Sets the clock ahead. When it returns the broker has done what has come due.</summary>
    public void Advance(TimeSpan time)
    {
        Interlocked.Add(ref _ahead, time.Ticks);
        foreach (var timer in _timers.Keys)
        {
            timer.OnJump();
        }
    }

    private sealed class BrokerClock(KitClock clock) : TimeProvider
    {
        public override TimeZoneInfo LocalTimeZone => clock.LocalTimeZone;

        public override long TimestampFrequency => clock.TimestampFrequency;

        public override DateTimeOffset GetUtcNow() => clock.GetUtcNow();

        public override long GetTimestamp() => clock.GetTimestamp();

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
            => new JumpingTimer(clock, () => callback(state), dueTime, period);
    }

    /// <summary>A timer of the system, brought forward when the clock is set ahead.</summary>
    private sealed class JumpingTimer : ITimer
    {
        private readonly Lock _gate = new();
        private readonly KitClock _clock;
        private readonly Action _fire;
        private readonly ITimer _timer;

        // By the clock; null while it waits for nothing.
        private DateTimeOffset? _due;
        private TimeSpan _period;

        public JumpingTimer(KitClock clock, Action fire, TimeSpan dueTime, TimeSpan period)
        {
            (_clock, _fire) = (clock, fire);
            _timer = System.CreateTimer(
                static self => ((JumpingTimer)self!).OnTime(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            clock._timers[this] = true;
            Change(dueTime, period);
        }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (_gate)
            {
                _due = dueTime == Timeout.InfiniteTimeSpan ? null : _clock.GetUtcNow() + dueTime;
                _period = period;
                return _timer.Change(dueTime, Timeout.InfiniteTimeSpan);
            }
        }

        /// <summary>The clock was set ahead: fires when its time has come.</summary>
        public void OnJump()
        {
            lock (_gate)
            {
                if (_due is not { } due || due > _clock.GetUtcNow())
                {
                    Shorten();
                    return;
                }
            }

            OnTime();
        }

        public void Dispose()
        {
            _clock._timers.TryRemove(this, out _);
            _timer.Dispose();
        }

        public ValueTask DisposeAsync()
        {
            _clock._timers.TryRemove(this, out _);
            return _timer.DisposeAsync();
        }

        private void OnTime()
        {
            lock (_gate)
            {
                // Somebody else has fired it, or has stopped it just now.
                if (_due is null)
                {
                    return;
                }

                _due = null;
                if (_period > TimeSpan.Zero)
                {
                    Change(_period, _period);
                }
            }

            // Without the lock: it may change the timer.
            _fire();
        }

        private void Shorten()
        {
            if (_due is { } due)
            {
                var left = due - _clock.GetUtcNow();
                _timer.Change(left > TimeSpan.Zero ? left : TimeSpan.Zero, Timeout.InfiniteTimeSpan);
            }
        }
    }
}
