namespace OrleansRocketMQ.SiloHost.Metrics;

/// <summary><c>/metrics</c>, as Prometheus asks for it.</summary>
internal static partial class PrometheusEndpoint
{
    /// <summary>Counts from now on.</summary>
    public static IServiceCollection AddPrometheusMetrics(this IServiceCollection services)
        => services.AddSingleton(new MetricsCollector(TelemetrySources.IsMeter));

    public static void MapPrometheusMetrics(this IEndpointRouteBuilder endpoints) => endpoints.MapGet("/metrics", (HttpContext context) =>
    {
        var text = context.RequestServices.GetRequiredService<MetricsCollector>().Collect(
            exception => Log.NotAllTold(context.RequestServices.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(PrometheusEndpoint)), exception));
        context.Response.ContentType = PrometheusText.ContentType;
        return context.Response.WriteAsync(text, context.RequestAborted);
    });

    private static partial class Log
    {
        [LoggerMessage(301, LogLevel.Warning, "Some instruments could not tell their values to /metrics")]
        public static partial void NotAllTold(ILogger logger, Exception exception);
    }
}
