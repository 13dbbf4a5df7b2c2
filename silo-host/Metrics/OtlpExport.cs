using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace OrleansRocketMQ.SiloHost.Metrics;

/// <summary>
/// Sends metrics and traces to an OpenTelemetry collector when its standard settings name one. All settings are those of
/// OpenTelemetry (<c>OTEL_EXPORTER_OTLP_ENDPOINT</c>, <c>OTEL_EXPORTER_OTLP_PROTOCOL</c>, <c>OTEL_TRACES_SAMPLER</c>, ...), from
/// the environment, or from wherever else this host has settings.
/// </summary>
internal sealed class OtlpExport(IConfiguration configuration) : IHostedService, IDisposable
{
    private const string Endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";
    private const string MetricsEndpoint = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT";
    private const string TracesEndpoint = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
    private const int FlushMilliseconds = 5000;

    private MeterProvider? _metrics;
    private TracerProvider? _traces;

    /// <summary>Whether traces are sent, so that grain calls should be part of them.</summary>
    public static bool SendsTraces(IConfiguration configuration) => IsSet(configuration, Endpoint) || IsSet(configuration, TracesEndpoint);

    /// <exception cref="RocketMQConfigurationException">A setting names no address.</exception>
    public static void AddTo(IServiceCollection services, IConfiguration configuration)
    {
        if (SendsTraces(configuration) || SendsMetrics(configuration))
        {
            services.AddHostedService<OtlpExport>();
        }
    }

    public Task StartAsync(CancellationToken cancellationToken)
    {
        if (SendsMetrics(configuration))
        {
            _metrics = Sdk.CreateMeterProviderBuilder()
                .ConfigureServices(services => services.AddSingleton(configuration))
                .ConfigureResource(Describe)
                .AddMeter([.. TelemetrySources.Meters])
                .AddOtlpExporter()
                .Build();
        }

        if (SendsTraces(configuration))
        {
            _traces = Sdk.CreateTracerProviderBuilder()
                .ConfigureServices(services => services.AddSingleton(configuration))
                .ConfigureResource(Describe)
                .AddSource([.. TelemetrySources.Activities])
                .AddOtlpExporter()
                .Build();
        }

        return Task.CompletedTask;
    }

    /// <summary>Sends what is there, but does not wait for a collector that is away.</summary>
    public Task StopAsync(CancellationToken cancellationToken) => Task.WhenAll(
        Task.Run(() => _traces?.Shutdown(FlushMilliseconds), cancellationToken),
        Task.Run(() => _metrics?.Shutdown(FlushMilliseconds), cancellationToken));

    public void Dispose()
    {
        _traces?.Dispose();
        _metrics?.Dispose();
    }

    private static bool SendsMetrics(IConfiguration configuration) => IsSet(configuration, Endpoint) || IsSet(configuration, MetricsEndpoint);

    private static bool IsSet(IConfiguration configuration, string name)
    {
        if (configuration[name] is not { Length: > 0 } value)
        {
            return false;
        }

        // OpenTelemetry would go on with its default, and nobody would know where everything went.
        return Uri.TryCreate(value, UriKind.Absolute, out var address) && (address.Scheme == Uri.UriSchemeHttp || address.Scheme == Uri.UriSchemeHttps)
            ? true
            : throw new RocketMQConfigurationException(name, value, "the address of an OpenTelemetry collector, such as http://localhost:4317");
    }

    private void Describe(ResourceBuilder resource)
    {
        if (string.IsNullOrEmpty(configuration["OTEL_SERVICE_NAME"]))
        {
            resource.AddService("silo-host");
        }
    }
}
