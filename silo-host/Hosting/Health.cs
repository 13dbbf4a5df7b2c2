using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.Extensions.DependencyInjection;

namespace OrleansRocketMQ.SiloHost.Hosting;

/// <summary>
/// <c>/health/live</c>: the process should go on living. <c>/health/ready</c>: every queue that belongs to this silo runs;
/// also while degraded, which the answer's text explains.
/// </summary>
internal static class Health
{
    public static void MapRocketMQHealth(this IEndpointRouteBuilder endpoints)
    {
        Map(endpoints, HealthPaths.Live, RocketMQHealthChecksBuilderExtensions.LiveTag);
        Map(endpoints, HealthPaths.Ready, RocketMQHealthChecksBuilderExtensions.ReadyTag);
    }

    private static void Map(
        IEndpointRouteBuilder endpoints,
        string path,
        string tag) => endpoints.MapHealthChecks(path, new HealthCheckOptions
    {
        Predicate = check => check.Tags.Contains(tag),
        ResponseWriter = (context, report) => context.Response.WriteAsync(
            $"{report.Status}{string.Concat(report.Entries.Values.Select(entry => $": {entry.Description}"))}\n"),
    });
}
