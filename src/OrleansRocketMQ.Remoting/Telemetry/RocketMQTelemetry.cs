using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace OrleansRocketMQ.Telemetry;

/// <summary>
/// Names under which metrics and traces of this library are found, for <c>AddMeter</c> and <c>AddSource</c> of OpenTelemetry.
/// Both follow OpenTelemetry's semantic conventions for messaging; <c>docs/observability.md</c> lists what there is.
/// </summary>
public static class RocketMQTelemetry
{
    /// <summary>
    /// The meter. Each silo has one of its own, made by the <c>IMeterFactory</c> of its services; the producers of a process
    /// share one.
    /// </summary>
    public const string MeterName = "OrleansRocketMQ";

    /// <summary>The source of activities: one when a message is sent, one when a listener processes a batch.</summary>
    public const string ActivitySourceName = "OrleansRocketMQ";

    /// <summary>The source itself. One per process, as that is what activity sources are.</summary>
    internal static ActivitySource Source { get; }
        = new(ActivitySourceName, typeof(RocketMQTelemetry).Assembly.GetName().Version?.ToString());

    /// <summary>The meter of what belongs to no silo.</summary>
    internal static Meter Meter { get; } = new(new MeterOptions(MeterName)
    {
        Version = typeof(RocketMQTelemetry).Assembly.GetName().Version?.ToString(),
    });
}
