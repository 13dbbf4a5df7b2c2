namespace OrleansRocketMQ.Engine.Dispatch.KeyOrdered;

/// <summary>
/// Lets the messages of keys gather for a moment while their queue is behind: a pull brings few of each key, and to call a
/// grain for each of them costs far more than a fast listener does. A queue is behind when more is at the broker than it may
/// hold: the last of that waits for longer.
/// Belongs to a <see cref="KeyOrderedQueue"/>, which guards it.
/// </summary>
/// <param name="time">The clock.</param>
/// <param name="most">So many messages of a queue are enough together.</param>
internal sealed class KeyGathering(TimeProvider time, int most)
{
    /// <summary>How long messages gather at most, be it that no more come.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromSeconds(1);

    /// <summary>How often it is looked whether more will come yet.</summary>
    public static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(20);

    private long? _since;
    private bool _isOver;
    private bool _isWatched;

    /// <summary>Whether messages that are there are not to be consumed yet.</summary>
    /// <param name="first">How many the next key has; 0 when none is ready.</param>
    /// <param name="all">How many the queue has that nobody works on.</param>
    /// <param name="enough">How many of a key are enough; 1 where listeners are slow.</param>
    /// <param name="isBehind">Whether more will come at once.</param>
    public bool Holds(int first, int all, int enough, bool isBehind)
    {
        if (first == 0 || first >= enough || all >= most || !isBehind)
        {
            (_since, _isOver) = (null, false);
            return false;
        }

        if (_isOver)
        {
            return false;
        }

        _since ??= time.GetTimestamp();
        return true;
    }

    /// <summary>Whether somebody must look after its end, who does from now on, by <see cref="Left"/>.</summary>
    public bool TryWatch()
    {
        if (_since is null || _isWatched)
        {
            return false;
        }

        return _isWatched = true;
    }

    /// <summary>When to look again whether they gather; null when they do not any more, and nobody looks after it.</summary>
    /// <param name="isBehind">Whether more will come at once.</param>
    public TimeSpan? Left(bool isBehind)
    {
        if (isBehind && _since is { } since && Longest - time.GetElapsedTime(since) is var left && left > TimeSpan.Zero)
        {
            return left < LookEvery ? left : LookEvery;
        }

        _isOver = _since is not null;
        (_since, _isWatched) = (null, false);
        return null;
    }
}
