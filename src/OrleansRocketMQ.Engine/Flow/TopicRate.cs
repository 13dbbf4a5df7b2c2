namespace OrleansRocketMQ.Engine.Flow;

/// <summary>
/// Messages per second of one topic on this silo, as tokens that come with time and are spent per message. At most the
/// tokens of one second are saved up, so a burst is never longer than that. Whoever found too few is called when
/// there are some again. Thread-safe.
/// </summary>
internal sealed class TopicRate : IDisposable
{
    // Fast rates are given out in portions: a timer for each message would cost more than the messages.
    private static readonly TimeSpan Portion = TimeSpan.FromMilliseconds(10);

    private readonly Lock _gate = new();
    private readonly TimeProvider _time;
    private readonly ITimer _timer;
    private double _perSecond;
    private double _tokens;
    private long _filledAt;
    private bool _armed;

    /// <param name="perSecond">The limit, above 0.</param>
    /// <param name="time">The clock.</param>
    /// <param name="onReady">Called when messages may go out again after some could not; on a thread of the clock.</param>
    public TopicRate(double perSecond, TimeProvider time, Action onReady)
    {
        _perSecond = perSecond;
        _time = time;
        _filledAt = time.GetTimestamp();
        _timer = time.CreateTimer(
            _ =>
            {
                lock (_gate)
                {
                    _armed = false;
                }

                onReady();
            },
            null,
            Timeout.InfiniteTimeSpan,
            Timeout.InfiniteTimeSpan);
    }

    public double PerSecond
    {
        get
        {
            lock (_gate)
            {
                return _perSecond;
            }
        }
    }

    /// <summary>Sets another limit; what was saved up under the old one stays within the new one's second.</summary>
    public void Change(double perSecond)
    {
        lock (_gate)
        {
            Refill();
            _perSecond = perSecond;
            _tokens = Math.Min(_tokens, MostSaved);
            if (_armed)
            {
                Arm();
            }
        }
    }

    public bool HasToken()
    {
        lock (_gate)
        {
            Refill();
            if (_tokens >= 1)
            {
                return true;
            }

            ArmOnce();
            return false;
        }
    }

    /// <summary>Spends up to that many tokens, and tells how many.</summary>
    public int Take(int most)
    {
        lock (_gate)
        {
            Refill();
            var taken = (int)Math.Min(most, Math.Floor(_tokens));
            _tokens -= taken;
            if (taken < most)
            {
                ArmOnce();
            }

            return taken;
        }
    }

    public void Dispose() => _timer.Dispose();

    private double MostSaved => Math.Max(1, _perSecond);

    private void Refill()
    {
        var now = _time.GetTimestamp();
        _tokens = Math.Min(MostSaved, _tokens + (_time.GetElapsedTime(_filledAt, now).TotalSeconds * _perSecond));
        _filledAt = now;
    }

    private void ArmOnce()
    {
        if (!_armed)
        {
            Arm();
        }
    }

    private void Arm()
    {
        _armed = true;

        // A millisecond more than needed, as clocks round down; an hour at most, then it looks again.
        var wait = TimeSpan.FromSeconds(Math.Clamp((1 - _tokens) / _perSecond, 0, 3600)) + TimeSpan.FromMilliseconds(1);
        _timer.Change(wait > Portion ? wait : Portion, Timeout.InfiniteTimeSpan);
    }
}
