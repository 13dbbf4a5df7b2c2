using System.Diagnostics.Metrics;
using OpenTelemetry.Metrics;

namespace OrleansRocketMQ.SiloHost.Metrics;

/// <summary>Room for the gauges that tell queues, of which there are more than the 2,000 series OpenTelemetry has for a metric.</summary>
internal static class QueueSeries
{
    /// <summary>
    /// Series of each such gauge. OpenTelemetry keeps the place of a series for good, so this bounds the queues a silo has
    /// run since its start, not those it runs. What comes beyond them is one series that tells the last of them only.
    /// </summary>
    public const int Most = 20_000;

    /// <summary>A view: how to keep the instrument's series; null for all that is no gauge of queues.</summary>
    public static MetricStreamConfiguration? StreamOf(Instrument instrument)
        => instrument is ObservableGauge<long> && instrument.Name.StartsWith("orleans_rocketmq.queue.", StringComparison.Ordinal)
            ? new MetricStreamConfiguration { CardinalityLimit = Most }
            : null;
}
