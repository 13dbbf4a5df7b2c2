using OrleansRocketMQ.Engine.Scheduling;

namespace OrleansRocketMQ.Engine.Offsets;

/// <summary>Leaves alone what fails, for longer and longer, each by itself. Not thread-safe.</summary>
internal sealed class BackoffTable<TKey>(TimeSpan first, TimeSpan longest, EngineRuntime runtime)
    where TKey : notnull
{
    private readonly Dictionary<TKey, Rest> _resting = [];

    /// <summary>Whether it is to be left alone now.</summary>
    public bool IsResting(TKey key) => _resting.TryGetValue(key, out var rest) && runtime.Time.GetTimestamp() < rest.Until;

    /// <summary>An attempt has succeeded.</summary>
    public void Succeed(TKey key) => _resting.Remove(key);

    /// <summary>An attempt has failed; tells for how long it is left alone.</summary>
    public TimeSpan Fail(TKey key)
    {
        var failures = _resting.GetValueOrDefault(key).Failures + 1;
        var wait = runtime.BackOff(failures, first, longest);
        _resting[key] = new(failures, runtime.Time.GetTimestamp() + (long)(wait.TotalSeconds * runtime.Time.TimestampFrequency));
        return wait;
    }

    /// <summary>Forgets all others.</summary>
    public void Keep(IReadOnlySet<TKey> keys)
    {
        foreach (var key in _resting.Keys)
        {
            if (!keys.Contains(key))
            {
                _resting.Remove(key);
            }
        }
    }

    /// <param name="Failures">Attempts on end that failed.</param>
    /// <param name="Until">When the next one may be, as a time stamp.</param>
    private readonly record struct Rest(int Failures, long Until);
}
