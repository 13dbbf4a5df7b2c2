using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;
using Orleans.Hosting;

namespace OrleansRocketMQ.SiloHost.Metrics;

/// <summary>
/// Sets up what this host tells of itself: <c>/metrics</c> always, and a collector when OpenTelemetry's standard settings name
/// one. OpenTelemetry starts before the silo and is let go of after it, so start and end are told, too.
/// </summary>
internal static class TelemetrySetup
{
    /// <exception cref="RocketMQConfigurationException">A setting names no address.</exception>
    public static void AddTelemetry(this IServiceCollection services, IConfiguration configuration)
    {
        var sendsMetrics = OtlpSettings.SendsMetrics(configuration);
        var sendsTraces = OtlpSettings.SendsTraces(configuration);
        var telemetry = services.AddOpenTelemetry().ConfigureResource(resource => Describe(resource, configuration)).WithMetrics(metrics =>
        {
            metrics.AddMeter([.. TelemetrySources.Meters]).AddView(QueueSeries.StreamOf).AddPrometheusExporter(Plainly);
            if (sendsMetrics)
            {
                metrics.AddOtlpExporter();
            }
        });
        if (sendsTraces)
        {
            telemetry.WithTracing(traces => traces.AddSource([.. TelemetrySources.Activities]).AddOtlpExporter());
        }
    }

    /// <summary>Makes grain calls part of the traces that are sent.</summary>
    public static void PropagateTraces(this ISiloBuilder silo, IConfiguration configuration)
    {
        if (OtlpSettings.SendsTraces(configuration))
        {
            silo.AddActivityPropagation();
        }
    }

    /// <summary>No labels but those of the instruments, and what is told is never older than the question.</summary>
    private static void Plainly(PrometheusAspNetCoreOptions options)
    {
        options.ScopeInfoEnabled = false;
        options.TargetInfoEnabled = false;
        options.ScrapeResponseCacheDurationMilliseconds = 0;
    }

    private static void Describe(ResourceBuilder resource, IConfiguration configuration)
    {
        if (string.IsNullOrEmpty(configuration["OTEL_SERVICE_NAME"]))
        {
            resource.AddService("silo-host");
        }
    }
}
