using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Statistics;

namespace OrleansRocketMQ.Statistics;

/// <summary>Figures of the management interface, out of the engine's counts.</summary>
internal static class ConsumeTotalsExtensions
{
    public static ConsumeFigures ToFigures(this ConsumeTotals totals)
    {
        var judged = totals.Consumed + totals.Failed;
        return new ConsumeFigures
        {
            Consumed = totals.Consumed,
            Failed = totals.Failed,
            SentBack = totals.SentBack,
            TimedOut = totals.TimedOut,
            MessagesPerSecond = totals.MessagesPerSecond,
            AverageLatency = judged == 0 ? TimeSpan.Zero : TimeSpan.FromMicroseconds(totals.LatencySumMicroseconds / judged),
            MaxLatency = TimeSpan.FromMicroseconds(totals.LatencyMaxMicroseconds),

            // A bucket's upper bound may lie above the longest time there was.
            P99Latency = TimeSpan.FromMicroseconds(
                Math.Min(totals.LatencyMaxMicroseconds, LatencyHistogram.Percentile(totals.LatencyCounts, 0.99))),
            AverageListenerTime = judged == 0 ? TimeSpan.Zero : TimeSpan.FromTicks(totals.ListenerTicks / judged),
        };
    }
}
