namespace OrleansRocketMQ.Engine.Flow;

/// <summary>What a circuit breaker does.</summary>
internal enum BreakerPhase
{
    /// <summary>Everything goes.</summary>
    Closed = 0,

    /// <summary>Nothing is consumed.</summary>
    Open = 1,

    /// <summary>Some messages are consumed, to see how they do.</summary>
    Trial = 2,
}

/// <summary>When a circuit breaker opens, and for how long.</summary>
/// <param name="FailureShare">The share of failures at which it opens, above 0 to 1.</param>
/// <param name="Window">Over which time the share is taken.</param>
/// <param name="LeastMessages">With fewer messages in the window it stays closed.</param>
/// <param name="OpenTime">How long it stays open the first time; doubles with each failed trial.</param>
/// <param name="MaxOpenTime">The longest of these times.</param>
/// <param name="TrialMessages">How many messages are tried before it closes.</param>
internal readonly record struct BreakerRules(
    double FailureShare, TimeSpan Window, int LeastMessages, TimeSpan OpenTime, TimeSpan MaxOpenTime, int TrialMessages);

/// <summary>
/// A circuit breaker: opens when too many messages fail, tries some after a while, and closes again or stays open longer. A value:
/// what it becomes follows from what it is, the counts and the time.
/// </summary>
internal sealed record BreakerState
{
    /// <summary>One that has seen nothing.</summary>
    public static BreakerState Closed { get; } = new();

    /// <summary>What it does.</summary>
    public BreakerPhase Phase { get; private init; }

    /// <summary>When it opened last; default when it is closed.</summary>
    public DateTimeOffset Since { get; private init; }

    /// <summary>Open: when the trial begins.</summary>
    public DateTimeOffset Until { get; private init; }

    /// <summary>How often it has opened without closing in between.</summary>
    public int Openings { get; private init; }

    /// <summary>What opened it: failures among so many messages.</summary>
    public (long Failed, long All) Cause { get; private init; }

    // Closed: what came in the window. Trial: what came in it. Newest last.
    private IReadOnlyList<(DateTimeOffset At, long Succeeded, long Failed)> Counts { get; init; } = [];

    /// <summary>One that goes on as somebody remembers it.</summary>
    public static BreakerState Of(
        BreakerPhase phase, DateTimeOffset since, DateTimeOffset until, int openings, (long Failed, long All) cause)
        => new() { Phase = phase, Since = since, Until = until, Openings = openings, Cause = cause };

    /// <summary>What it is after some messages, and at a later time.</summary>
    /// <param name="rules">When it opens.</param>
    /// <param name="succeeded">Messages that succeeded since it was last asked.</param>
    /// <param name="failed">Messages that failed.</param>
    /// <param name="now">The time.</param>
    public BreakerState Next(in BreakerRules rules, long succeeded, long failed, DateTimeOffset now)
    {
        if (Phase == BreakerPhase.Open)
        {
            // What fails now was begun before it opened.
            return now < Until ? this : this with { Phase = BreakerPhase.Trial, Counts = [] };
        }

        var begin = now - rules.Window;
        var isTrial = Phase == BreakerPhase.Trial;
        var counts = Counts.Where(count => isTrial || count.At > begin);
        var next = this with { Counts = succeeded + failed == 0 ? [.. counts] : [.. counts, (now, succeeded, failed)] };
        var (allFailed, all) = (next.Counts.Sum(count => count.Failed), next.Counts.Sum(count => count.Succeeded + count.Failed));
        if (isTrial)
        {
            return allFailed > 0 && allFailed >= rules.FailureShare * rules.TrialMessages ? next.Open(rules, (allFailed, all), now)
                : all >= rules.TrialMessages ? Closed
                : next;
        }

        return all >= rules.LeastMessages && allFailed > 0 && allFailed >= rules.FailureShare * all
            ? next.Open(rules, (allFailed, all), now)
            : next;
    }

    private BreakerState Open(in BreakerRules rules, (long Failed, long All) cause, DateTimeOffset now)
    {
        var first = rules.OpenTime.TotalSeconds;
        var time = Math.Max(first, Math.Min(rules.MaxOpenTime.TotalSeconds, first * Math.Pow(2, Math.Min(Openings, 30))));
        return new()
        {
            Phase = BreakerPhase.Open,
            Since = now,
            Until = now + TimeSpan.FromSeconds(time),
            Openings = Openings + 1,
            Cause = cause,
        };
    }
}
