using System.Collections.Concurrent;
using System.Diagnostics;

namespace OrleansRocketMQ.Chaos.World;

/// <summary>What has happened in a round, and when. Thread-safe.</summary>
internal sealed class RoundEvents
{
    private readonly long _begun = Stopwatch.GetTimestamp();
    private readonly ConcurrentQueue<string> _lines = [];

    /// <summary>How long it is since all silos ran.</summary>
    public TimeSpan Now => Stopwatch.GetElapsedTime(_begun);

    public IReadOnlyCollection<string> Lines => _lines;

    public void Add(string what) => _lines.Enqueue(FormattableString.Invariant($"{Now.TotalSeconds,6:0.00} s {DateTime.UtcNow:HH:mm:ss.fff} {what}"));
}
