using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using OrleansRocketMQ.Statistics;

namespace OrleansRocketMQ.SiloHost.Hosting;

/// <summary>
/// <c>/health/live</c>: the process answers. <c>/health/ready</c>: every queue that belongs to this silo runs.
/// </summary>
internal static class Health
{
    private const string ReadyTag = "ready";

    public static IHealthChecksBuilder AddRocketMQ(this IHealthChecksBuilder checks)
        => checks.AddCheck<RocketMQReady>("rocketmq", tags: [ReadyTag]);

    public static void MapRocketMQHealth(this IEndpointRouteBuilder endpoints)
    {
        endpoints.MapHealthChecks("/health/live", new HealthCheckOptions { Predicate = _ => false });
        endpoints.MapHealthChecks("/health/ready", new HealthCheckOptions
        {
            Predicate = check => check.Tags.Contains(ReadyTag),
            ResponseWriter = (context, report) => context.Response.WriteAsync(
                $"{report.Status}{string.Concat(report.Entries.Values.Select(entry => $": {entry.Description}"))}\n"),
        });
    }

    private sealed class RocketMQReady(IRocketMQSiloStatus status) : IHealthCheck
    {
        public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
        {
            var groups = status.Groups;
            var refused = groups.FirstOrDefault(group => group.Refused.Length > 0);
            var starting = groups.Where(group => !group.IsReady).Select(group => group.Group).ToArray();
            return Task.FromResult(groups switch
            {
                [] => HealthCheckResult.Unhealthy("no consumer group runs yet"),
                _ when refused is not null => HealthCheckResult.Degraded(refused.Refused),
                _ when starting.Length > 0 => HealthCheckResult.Unhealthy($"no queue of {string.Join(", ", starting)} runs here yet"),
                _ => HealthCheckResult.Healthy($"{groups.Sum(group => group.Queues.Count)} queues run here"),
            });
        }
    }
}
