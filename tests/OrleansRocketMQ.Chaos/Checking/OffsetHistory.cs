using System.Collections.Concurrent;

namespace OrleansRocketMQ.Chaos.Checking;

/// <summary>
/// What brokers have told of the groups' offsets during a round. One may go back by a seek, and when a broker was killed: it keeps
/// offsets in memory and stores them from time to time. Thread-safe.
/// </summary>
internal sealed class OffsetHistory
{
    private readonly ConcurrentDictionary<string, long> _last = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<string> _steps = [];
    private readonly ConcurrentDictionary<string, int> _unknown = new(StringComparer.Ordinal);
    private int _samples;
    private int _era;

    /// <summary>How often an offset was told.</summary>
    public int Samples => _samples;

    /// <summary>Where one was below what it had been.</summary>
    public IReadOnlyCollection<string> StepsBack => _steps;

    /// <summary>What is asked for now belongs to this era.</summary>
    public int Era => Volatile.Read(ref _era);

    /// <summary>Somebody sets a group's offsets: until the end of it they may be anything.</summary>
    public IDisposable NotKnown(string group)
    {
        _unknown.AddOrUpdate(group, 1, (_, seeks) => seeks + 1);
        return new Known(() =>
        {
            _unknown.AddOrUpdate(group, 0, (_, seeks) => seeks - 1);
            Forget();
        });
    }

    /// <summary>From here on offsets may be anything: brokers have forgotten some.</summary>
    public void Forget()
    {
        Interlocked.Increment(ref _era);
        _last.Clear();
    }

    /// <param name="era">The era when it was asked for: what was told in between counts for nothing.</param>
    /// <param name="group">The group.</param>
    /// <param name="queue">The queue.</param>
    /// <param name="offset">What a broker has told.</param>
    /// <param name="at">When, for the complaint.</param>
    public void Take(int era, string group, string queue, long offset, TimeSpan at)
    {
        if (era != Era || _unknown.GetValueOrDefault(group) > 0)
        {
            return;
        }

        Interlocked.Increment(ref _samples);
        var place = $"{group} in {queue}";
        if (_last.TryGetValue(place, out var last) && offset < last)
        {
            _steps.Enqueue(FormattableString.Invariant($"{place} from {last} to {offset} at {at.TotalSeconds:0.0} s"));
        }

        _last[place] = offset;
    }

    private sealed class Known(Action then) : IDisposable
    {
        public void Dispose() => then();
    }
}
