using Orleans;

namespace OrleansRocketMQ.Statistics;

/// <summary>Counts that can be added up over queues, topics and silos; figures such as percentiles follow from the sums.</summary>
[GenerateSerializer]
[Alias("OrleansRocketMQ.ConsumeTotals")]
internal sealed class ConsumeTotals
{
    [Id(0)]
    public long Consumed { get; set; }

    [Id(1)]
    public long Failed { get; set; }

    [Id(2)]
    public long SentBack { get; set; }

    [Id(3)]
    public long TimedOut { get; set; }

    [Id(4)]
    public double MessagesPerSecond { get; set; }

    /// <summary>Not a whole number: hours of backlog at full speed are more than one can hold.</summary>
    [Id(9)]
    public double LatencySumMicroseconds { get; set; }

    [Id(6)]
    public long LatencyMaxMicroseconds { get; set; }

    /// <summary>Counts of <see cref="LatencyHistogram"/>; null when nothing was counted.</summary>
    [Id(7)]
    public long[]? LatencyCounts { get; set; }

    [Id(8)]
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

    public ConsumeFigures ToFigures()
    {
        var judged = Consumed + Failed;
        return new ConsumeFigures
        {
            Consumed = Consumed,
            Failed = Failed,
            SentBack = SentBack,
            TimedOut = TimedOut,
            MessagesPerSecond = MessagesPerSecond,
            AverageLatency = judged == 0 ? TimeSpan.Zero : TimeSpan.FromMicroseconds(LatencySumMicroseconds / judged),
            MaxLatency = TimeSpan.FromMicroseconds(LatencyMaxMicroseconds),

            // A bucket's upper bound may lie above the longest time there was.
            P99Latency = TimeSpan.FromMicroseconds(Math.Min(LatencyMaxMicroseconds, LatencyHistogram.Percentile(LatencyCounts, 0.99))),
            AverageListenerTime = judged == 0 ? TimeSpan.Zero : TimeSpan.FromTicks(ListenerTicks / judged),
        };
    }
}
