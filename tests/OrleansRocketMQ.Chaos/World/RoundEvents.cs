using System.Diagnostics;

namespace OrleansRocketMQ.Chaos.World;

/// <summary>What has happened in a round, and when: in a file, so that it is known also of a round that is broken off. Thread-safe.</summary>
/// <param name="file">Where it is written.</param>
internal sealed class RoundEvents(string file)
{
    private readonly long _begun = Stopwatch.GetTimestamp();
    private readonly Lock _gate = new();

    /// <summary>How long it is since all silos ran.</summary>
    public TimeSpan Now => Stopwatch.GetElapsedTime(_begun);

    public void Add(string what)
    {
        lock (_gate)
        {
            File.AppendAllText(file, FormattableString.Invariant($"{Now.TotalSeconds,6:0.00} s {DateTime.UtcNow:HH:mm:ss.fff} {what}{Environment.NewLine}"));
        }
    }
}
