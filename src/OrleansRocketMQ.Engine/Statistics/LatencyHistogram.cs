using System.Numerics;

namespace OrleansRocketMQ.Engine.Statistics;

/// <summary>
/// Counts durations in buckets that are an eighth of a power of two wide, so that any percentile is known within
/// about 12 %. Recording is one atomic increment. Thread-safe.
/// </summary>
internal sealed class LatencyHistogram
{
    private const int StepsPerDoubling = 8;
    private readonly long[] _buckets = new long[64 * StepsPerDoubling];

    /// <summary>Counts one duration; negative ones, from clocks that disagree, count as none.</summary>
    public void Record(long microseconds, int times = 1)
        => Interlocked.Add(ref _buckets[BucketOf(Math.Max(0, microseconds))], times);

    /// <summary>A copy of the counts.</summary>
    public long[] Snapshot()
    {
        var copy = new long[_buckets.Length];
        for (var index = 0; index < copy.Length; index++)
        {
            copy[index] = Volatile.Read(ref _buckets[index]);
        }

        return copy;
    }

    /// <summary>The duration in microseconds below which that share of the counted ones lie; 0 when nothing was counted.</summary>
    public static long Percentile(ReadOnlySpan<long> counts, double share)
    {
        var total = 0L;
        foreach (var count in counts)
        {
            total += count;
        }

        var wanted = (long)Math.Ceiling(total * share);
        var seen = 0L;
        for (var index = 0; index < counts.Length; index++)
        {
            seen += counts[index];
            if (seen >= wanted && seen > 0)
            {
                return UpperBoundOf(index);
            }
        }

        return 0;
    }

    private static int BucketOf(long value)
    {
        if (value < StepsPerDoubling)
        {
            return (int)value;
        }

        var doubling = BitOperations.Log2((ulong)value);
        var step = (int)(value >> (doubling - 3)) & (StepsPerDoubling - 1);
        return ((doubling - 2) * StepsPerDoubling) + step;
    }

    private static long UpperBoundOf(int bucket)
    {
        if (bucket < StepsPerDoubling)
        {
            return bucket;
        }

        var doubling = (bucket / StepsPerDoubling) + 2;
        var step = bucket % StepsPerDoubling;
        return ((long)(StepsPerDoubling + step + 1) << (doubling - 3)) - 1;
    }
}
