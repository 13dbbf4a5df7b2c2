using Orleans.Hosting;

namespace OrleansRocketMQ.SiloHost.Metrics;

/// <summary>Sets up what this host tells of itself. Before the silo, so that it is there when the silo starts and still when it ends.</summary>
internal static class TelemetrySetup
{
    public static void AddTelemetry(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddPrometheusMetrics();
        OtlpExport.AddTo(services, configuration);
    }

    /// <summary>Makes grain calls part of the traces that are sent.</summary>
    public static void PropagateTraces(this ISiloBuilder silo, IConfiguration configuration)
    {
        if (OtlpExport.SendsTraces(configuration))
        {
            silo.AddActivityPropagation();
        }
    }
}
