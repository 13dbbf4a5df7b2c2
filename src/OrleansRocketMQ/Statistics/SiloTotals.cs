using Orleans;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Statistics;

namespace OrleansRocketMQ.Statistics;

/// <summary><see cref="ConsumeTotals"/> as they travel between silos.</summary>
[GenerateSerializer]
[Alias("OrleansRocketMQ.ConsumeTotals")]
internal sealed class SiloTotals
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

    public static implicit operator SiloTotals(ConsumeTotals totals) => new()
    {
        Consumed = totals.Consumed,
        Failed = totals.Failed,
        SentBack = totals.SentBack,
        TimedOut = totals.TimedOut,
        MessagesPerSecond = totals.MessagesPerSecond,
        LatencySumMicroseconds = totals.LatencySumMicroseconds,
        LatencyMaxMicroseconds = totals.LatencyMaxMicroseconds,
        LatencyCounts = totals.LatencyCounts,
        ListenerTicks = totals.ListenerTicks,
    };

    public static implicit operator ConsumeTotals(SiloTotals totals) => new()
    {
        Consumed = totals.Consumed,
        Failed = totals.Failed,
        SentBack = totals.SentBack,
        TimedOut = totals.TimedOut,
        MessagesPerSecond = totals.MessagesPerSecond,
        LatencySumMicroseconds = totals.LatencySumMicroseconds,
        LatencyMaxMicroseconds = totals.LatencyMaxMicroseconds,
        LatencyCounts = totals.LatencyCounts,
        ListenerTicks = totals.ListenerTicks,
    };
}
