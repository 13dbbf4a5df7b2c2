using OrleansRocketMQ.Engine.Statistics;

namespace OrleansRocketMQ.Engine.Contracts;

/// <summary>Counts that can be added up over queues, topics and silos; figures such as percentiles follow from the sums.</summary>
internal sealed class ConsumeTotals
{
    public long Consumed { get; set; }

    public long Failed { get; set; }

    public long SentBack { get; set; }

    public long TimedOut { get; set; }

    public double MessagesPerSecond { get; set; }

    /// <summary>Not a whole number: hours of backlog at full speed are more than one can hold.</summary>
    public double LatencySumMicroseconds { get; set; }

    public long LatencyMaxMicroseconds { get; set; }

    /// <summary>Counts of <see cref="LatencyHistogram"/>; null when nothing was counted.</summary>
    public long[]? LatencyCounts { get; set; }

    public long ListenerTicks { get; set; }

    public static ConsumeTotals Sum(IEnumerable<ConsumeTotals> parts)
    {
        var sum = new ConsumeTotals();
        foreach (var part in parts)
        {
            sum.Add(part);
        }

        return sum;
    }

    public void Add(ConsumeTotals other)
    {
        Consumed += other.Consumed;
        Failed += other.Failed;
        SentBack += other.SentBack;
        TimedOut += other.TimedOut;
        MessagesPerSecond += other.MessagesPerSecond;
        LatencySumMicroseconds += other.LatencySumMicroseconds;
        LatencyMaxMicroseconds = Math.Max(LatencyMaxMicroseconds, other.LatencyMaxMicroseconds);
        ListenerTicks += other.ListenerTicks;
        if (other.LatencyCounts is { } counts)
        {
            LatencyCounts ??= new long[counts.Length];
            for (var index = 0; index < counts.Length; index++)
            {
                LatencyCounts[index] += counts[index];
            }
        }
    }
}
