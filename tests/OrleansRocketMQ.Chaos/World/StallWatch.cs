using System.Diagnostics;

namespace OrleansRocketMQ.Chaos.World;

/// <summary>
/// How long this machine lets a process that wants to run wait: where that is seconds, silos miss their times by themselves, and a round
/// says little of them.
/// </summary>
internal sealed class StallWatch
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(100);

    /// <summary>The longest until now.</summary>
    public TimeSpan Longest { get; private set; }

    /// <summary>Until it is called off.</summary>
    public async Task WatchAsync(CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            var begun = Stopwatch.GetTimestamp();
            await Task.Delay(Look, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            var late = Stopwatch.GetElapsedTime(begun) - Look;
            Longest = late > Longest ? late : Longest;
        }
    }
}
