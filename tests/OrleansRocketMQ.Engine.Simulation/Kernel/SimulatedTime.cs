namespace OrleansRocketMQ.Engine.Simulation.Kernel;

/// <summary>
/// The clock of a run. It moves a little with every step, and to the next timer when nothing else is to be done. What timers
/// call runs as a task of the run's scheduler.
/// </summary>
internal sealed class SimulatedTime(SimulatedScheduler scheduler) : TimeProvider
{
    private static readonly DateTimeOffset Beginning = new(2030, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly PriorityQueue<(Timer Timer, int Version), (long Due, long Number)> _timers = new();
    private const int MostLooks = 1_000_000;

    private long _numbers;
    private long _now;
    private int _looks;

    /// <summary>Ticks since the run began.</summary>
    public long Now => ++_looks < MostLooks
        ? _now
        : throw new SimulationException(SimulatedScheduler.NeverEnds, "one step looks at the clock again and again, which stands still");

    /// <summary>Timers that are still to fire.</summary>
    public int Armed { get; private set; }

    /// <summary>What timers that are still to fire would call.</summary>
    public IEnumerable<string> Callbacks => _timers.UnorderedItems
        .Where(item => item.Element.Timer.IsArmed(item.Element.Version)).Select(item => item.Element.Timer.Callback);

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    public override long GetTimestamp()
    {
        scheduler.CheckThread("read the clock");
        return Now;
    }

    public override DateTimeOffset GetUtcNow() => Beginning.AddTicks(GetTimestamp());

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        scheduler.CheckThread("made a timer");
        var timer = new Timer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    /// <summary>Ends after that time.</summary>
    public Task Delay(TimeSpan delay) => Task.Delay(delay, this);

    /// <summary>Ends after that time, or with the token.</summary>
    public Task Delay(TimeSpan delay, CancellationToken cancellationToken) => Task.Delay(delay, this, cancellationToken);

    /// <summary>A step has taken that long.</summary>
    public void Advance(long ticks)
    {
        _now += ticks;
        _looks = 0;
    }

    /// <summary>How long until then; a millisecond at least, as waits count in those.</summary>
    public TimeSpan Until(long then) => TimeSpan.FromTicks(Math.Max(TimeSpan.TicksPerMillisecond, then - Now));

    /// <summary>Hands what is due to the scheduler.</summary>
    public void FireDue()
    {
        while (_timers.TryPeek(out var next, out var at) && at.Due <= Now)
        {
            _timers.Dequeue();
            next.Timer.Fall(next.Version);
        }
    }

    /// <summary>Goes on to the next timer.</summary>
    /// <returns>False when there is none.</returns>
    public bool Jump()
    {
        while (_timers.TryPeek(out var next, out var at))
        {
            if (next.Timer.IsArmed(next.Version))
            {
                _now = Math.Max(_now, at.Due);
                return true;
            }

            _timers.Dequeue();
        }

        return false;
    }

    private sealed class Timer(SimulatedTime time, TimerCallback callback, object? state) : ITimer
    {
        private int _version;
        private bool _armed;
        private bool _disposed;
        private TimeSpan _period = Timeout.InfiniteTimeSpan;

        public string Callback => $"{callback.Method.DeclaringType?.FullName}.{callback.Method.Name} of {state}";

        public bool IsArmed(int version) => _armed && version == _version;

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            time.Scheduler.CheckThread("set a timer");
            if (_disposed)
            {
                return false;
            }

            Disarm();
            _period = period;
            if (dueTime != Timeout.InfiniteTimeSpan)
            {
                Arm(dueTime);
            }

            return true;
        }

        public void Dispose()
        {
            Disarm();
            _disposed = true;
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }

        /// <summary>Its time has come.</summary>
        public void Fall(int version)
        {
            if (!IsArmed(version))
            {
                return;
            }

            Disarm();
            if (_period > TimeSpan.Zero)
            {
                Arm(_period);
            }

            new Task(Call, CancellationToken.None).Start(time.Scheduler);
        }

        // One that was disposed of before its call came must not call any more; the BCL's may.
        private void Call()
        {
            if (_disposed)
            {
                return;
            }

            try
            {
                callback(state);
            }
            catch (Exception exception)
            {
                // On a real timer's thread it would end the process.
                time.Scheduler.Fail(new SimulationException(SimulatedScheduler.TimerThrew, exception.ToString(), exception));
            }
        }

        private void Arm(TimeSpan due)
        {
            _armed = true;
            time.Armed++;
            time._timers.Enqueue((this, _version), (time.Now + Math.Max(0, due.Ticks), time._numbers++));
        }

        private void Disarm()
        {
            _version++;
            if (_armed)
            {
                _armed = false;
                time.Armed--;
            }
        }
    }

    private SimulatedScheduler Scheduler => scheduler;
}
