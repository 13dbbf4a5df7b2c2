namespace OrleansRocketMQ.SiloHost.Metrics;

/// <summary>
/// OpenTelemetry's standard settings that name a collector, from the environment or wherever else this host has settings.
/// </summary>
internal static class OtlpSettings
{
    private const string Endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";
    private const string MetricsEndpoint = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT";
    private const string TracesEndpoint = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";

    /// <exception cref="RocketMQConfigurationException">A setting names no address.</exception>
    public static bool SendsMetrics(IConfiguration configuration) => IsSet(configuration, Endpoint) | IsSet(configuration, MetricsEndpoint);

    /// <exception cref="RocketMQConfigurationException">A setting names no address.</exception>
    public static bool SendsTraces(IConfiguration configuration) => IsSet(configuration, Endpoint) | IsSet(configuration, TracesEndpoint);

    private static bool IsSet(IConfiguration configuration, string name)
    {
        if (configuration[name] is not { Length: > 0 } value)
        {
            return false;
        }

        // OpenTelemetry would go on with its default, and nobody would know where everything went.
        return Uri.TryCreate(value, UriKind.Absolute, out var address)
            && (address.Scheme == Uri.UriSchemeHttp || address.Scheme == Uri.UriSchemeHttps)
            ? true
            : throw new RocketMQConfigurationException(
                name, value, "the address of an OpenTelemetry collector, such as http://localhost:4317");
    }
}
