namespace OrleansRocketMQ.Allocation;

/// <summary>
/// How soon after a look at the allocation the next one may begin: the first change is looked at at once, those that follow it
/// closely together, and while they do not end, once a second. One caller at a time.
/// </summary>
internal sealed class LookPace(TimeProvider time)
{
    public static readonly TimeSpan Least = TimeSpan.FromMilliseconds(200);
    public static readonly TimeSpan Most = TimeSpan.FromSeconds(1);

    private TimeSpan _pause = Least;
    private long? _last;

    /// <summary>A look begins.</summary>
    public void Note() => _last = time.GetTimestamp();

    /// <summary>How long from now the next look may begin; asked once for each.</summary>
    public TimeSpan Next()
    {
        if (_last is not { } last)
        {
            return TimeSpan.Zero;
        }

        var since = time.GetElapsedTime(last);
        if (since >= Most)
        {
            _pause = Least;
            return TimeSpan.Zero;
        }

        var wait = _pause - since;
        _pause = 2 * _pause < Most ? 2 * _pause : Most;
        return wait > TimeSpan.Zero ? wait : TimeSpan.Zero;
    }
}
