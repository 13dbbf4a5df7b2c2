namespace OrleansRocketMQ.Cluster.Load;

/// <summary>
/// What key-ordered listeners in several processes succeeded in. Their lines arrive when they are read; the order in which
/// things happened is that of the machine's clock, which all processes share. Thread-safe.
/// </summary>
internal sealed class KeySuccesses
{
    private readonly Lock _gate = new();
    private readonly List<(string Key, int Number, long At)> _all = [];
    private readonly HashSet<(string Key, int Number)> _distinct = [];

    /// <summary>Messages that succeeded, each counted once.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _distinct.Count;
            }
        }
    }

    public void Add(string key, int number, long at)
    {
        lock (_gate)
        {
            _all.Add((key, number, at));
            _distinct.Add((key, number));
        }
    }

    /// <summary>Goes through everything in the order it happened.</summary>
    public void Replay(KeyHistory history)
    {
        lock (_gate)
        {
            foreach (var (key, number, _) in _all.OrderBy(success => success.At))
            {
                history.Succeed(key, number);
            }
        }
    }
}
