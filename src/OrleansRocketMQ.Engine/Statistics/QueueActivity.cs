namespace OrleansRocketMQ.Engine.Statistics;

/// <summary>
/// What a queue pulled and consumed of late, for those who ask how it does: sums over the last minute, failures over the
/// last hour. Costs a few additions per pull and per run of messages. Thread-safe. Mirrors <c>ConsumerStatsManager</c>.
/// </summary>
internal sealed class QueueActivity(TimeProvider time)
{
    private readonly Lock _gate = new();
    private readonly SlidingSums _minute = new(slots: 6, TimeSpan.FromSeconds(10), time);
    private readonly SlidingSums _hour = new(slots: 60, TimeSpan.FromMinutes(1), time);

    public void Pulled(int messages, TimeSpan took)
    {
        lock (_gate)
        {
            _minute.Add(new(Pulls: 1, PulledMessages: messages, PullTime: took));
        }
    }

    public void Consumed(int succeeded, int failed, TimeSpan took)
    {
        lock (_gate)
        {
            _minute.Add(new(Succeeded: succeeded, Failed: failed, ConsumeTime: took));
            if (failed > 0)
            {
                _hour.Add(new(Failed: failed));
            }
        }
    }

    /// <summary>The sums over the last minute, and the failures of the last hour.</summary>
    public (ActivitySums LastMinute, long FailedInHour) Read()
    {
        lock (_gate)
        {
            return (_minute.Sum(), _hour.Sum().Failed);
        }
    }

    /// <summary>Sums in slots of equal length, of which the oldest is forgotten as time goes on.</summary>
    private sealed class SlidingSums(int slots, TimeSpan slotLength, TimeProvider time)
    {
        private readonly ActivitySums[] _slots = new ActivitySums[slots];
        private readonly long _start = time.GetTimestamp();
        private long _current;

        public void Add(ActivitySums sums)
        {
            MoveOn();
            _slots[_current % slots] += sums;
        }

        public ActivitySums Sum()
        {
            MoveOn();
            return _slots.Aggregate((left, right) => left + right);
        }

        private void MoveOn()
        {
            var now = time.GetElapsedTime(_start).Ticks / slotLength.Ticks;
            for (var slot = Math.Max(_current, now - slots) + 1; slot <= now; slot++)
            {
                _slots[slot % slots] = default;
            }

            _current = Math.Max(_current, now);
        }
    }
}

/// <summary>Counts and times of a span of time.</summary>
internal readonly record struct ActivitySums(
    long Pulls = 0,
    long PulledMessages = 0,
    TimeSpan PullTime = default,
    long Succeeded = 0,
    long Failed = 0,
    TimeSpan ConsumeTime = default)
{
    public static ActivitySums operator +(ActivitySums left, ActivitySums right) => new(
        left.Pulls + right.Pulls,
        left.PulledMessages + right.PulledMessages,
        left.PullTime + right.PullTime,
        left.Succeeded + right.Succeeded,
        left.Failed + right.Failed,
        left.ConsumeTime + right.ConsumeTime);
}
