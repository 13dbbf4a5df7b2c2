namespace OrleansRocketMQ.Engine.Rebalance;

/// <summary>
/// How soon the next look at the allocation may begin. A change is looked at at once, and so are a few that follow it, each
/// together with what came in the moment before: a silo that joins or stops is several changes, and each must not wait for
/// the one before. A storm that does not end, such as twenty brokers that tell of a hundred silos, is looked at twice a
/// second: each look asks a broker for the members. One caller at a time.
/// </summary>
internal sealed class LookPace(TimeProvider time)
{
    /// <summary>Changes within this time are looked at together.</summary>
    public static readonly TimeSpan Least = TimeSpan.FromMilliseconds(50);

    /// <summary>The time between two looks while changes do not end.</summary>
    public static readonly TimeSpan Most = TimeSpan.FromMilliseconds(500);

    /// <summary>How many looks may follow each other closely; each <see cref="Most"/> of quiet allows another.</summary>
    public const int Burst = 10;

    private double _allowed = Burst;
    private long? _last;

    /// <summary>A look begins.</summary>
    public void Note()
    {
        _allowed = Math.Max(0, Allowed() - 1);
        _last = time.GetTimestamp();
    }

    /// <summary>How long from now the next look may begin.</summary>
    public TimeSpan Next()
    {
        var since = Since();
        var least = Least > since ? Least - since : TimeSpan.Zero;
        var most = Allowed() is < 1 and var allowed ? (1 - allowed) * Most : TimeSpan.Zero;
        return most > least ? most : least;
    }

    private double Allowed() => Math.Min(Burst, _allowed + Since() / Most);

    private TimeSpan Since() => _last is { } last ? time.GetElapsedTime(last) : TimeSpan.MaxValue;
}
