using OrleansRocketMQ.Telemetry;

namespace OrleansRocketMQ.SiloHost.Metrics;

/// <summary>Whose metrics and traces this host tells.</summary>
internal static class TelemetrySources
{
    /// <summary>RocketMQ's, Orleans' and the runtime's: what happens to messages, and why it may be slow.</summary>
    public static IReadOnlyList<string> Meters { get; } = [RocketMQTelemetry.MeterName, "Microsoft.Orleans", "System.Runtime"];

    /// <summary>Without Orleans' own inner calls.</summary>
    public static IReadOnlyList<string> Activities { get; } = [RocketMQTelemetry.ActivitySourceName, "Microsoft.Orleans.Application"];
}
