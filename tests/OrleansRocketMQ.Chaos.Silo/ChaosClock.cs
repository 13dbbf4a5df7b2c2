using System.Runtime.CompilerServices;

namespace OrleansRocketMQ.Chaos.Silo;

/// <summary>
/// The clock of a silo. The time of day can be set, as an administrator or NTP sets a machine's; and the whole machine can seem to have
/// stood still, as a virtual one that was suspended: then what measures time goes ahead as well, and timers come due. The machine's own
/// clock is never set. Thread-safe.
/// </summary>
internal sealed class ChaosClock : TimeProvider
{
    private readonly ConditionalWeakTable<ChaosTimer, object?> _timers = [];
    private long _set;
    private long _stood;

    public override TimeZoneInfo LocalTimeZone => System.LocalTimeZone;

    public override long TimestampFrequency => System.TimestampFrequency;

    public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + new TimeSpan(Interlocked.Read(ref _set) + Interlocked.Read(ref _stood));

    public override long GetTimestamp()
        => System.GetTimestamp() + (long)(new TimeSpan(Interlocked.Read(ref _stood)).TotalSeconds * TimestampFrequency);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new ChaosTimer(this, callback, state);
        _timers.Add(timer, null);
        timer.Change(dueTime, period);
        return timer;
    }

    /// <summary>Sets the time of day, forward or back. Nothing that waits hears of it.</summary>
    public void Set(TimeSpan by) => Interlocked.Add(ref _set, by.Ticks);

    /// <summary>The machine has stood still for that long: it is later for everybody, and what was due meanwhile is due now.</summary>
    public void StandStill(TimeSpan time)
    {
        Interlocked.Add(ref _stood, time.Ticks);
        foreach (var (timer, _) in _timers)
        {
            timer.BringForward();
        }
    }
}
