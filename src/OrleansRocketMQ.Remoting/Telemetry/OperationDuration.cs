using System.Diagnostics.Metrics;
using OrleansRocketMQ.Connections;

namespace OrleansRocketMQ.Telemetry;

/// <summary>
/// <c>messaging.client.operation.duration</c>. Producers tell it in the process's meter, queues in that of their silo; to
/// exporters it is one instrument, as both make it here.
/// </summary>
internal static class OperationDuration
{
    public const string Name = "messaging.client.operation.duration";

    // As the conventions advise.
    private static readonly InstrumentAdvice<double> Buckets = new()
    {
        HistogramBucketBoundaries = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
    };

    public static Histogram<double> In(Meter meter) => meter.CreateHistogram(
        Name,
        "s",
        "Time of a send with all its attempts, of a pull that brought messages or failed, or of telling a broker what became of messages.",
        tags: null,
        Buckets);

    /// <summary>The tags of a server; none when it is not known.</summary>
    public static IEnumerable<KeyValuePair<string, object?>> TagsOf(string? server) => HostAndPort.TryParse(server, out var address)
        ? [new(MessagingAttributes.ServerAddress, address.Host), new(MessagingAttributes.ServerPort, address.Port)]
        : [];
}
