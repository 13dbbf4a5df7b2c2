using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Orleans.Runtime;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Fencing;

namespace OrleansRocketMQ.Health;

/// <summary>Whether the silo does its work: it has joined, and every queue that belongs to it runs.</summary>
internal sealed class ReadinessCheck(
    RocketMQConsumers consumers,
    ConsumerRegistry running,
    IClusterMembershipService membership,
    MembershipFence fence,
    ILocalSiloDetails silo,
    TimeProvider time,
    IHostApplicationLifetime? host = null) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        // A host that stops gives its queues away; it takes a while until its silo is not active any more.
        if (host?.ApplicationStopping.IsCancellationRequested == true)
        {
            return Task.FromResult(new HealthCheckResult(context.Registration.FailureStatus, "the host stops"));
        }

        var status = membership.CurrentSnapshot.GetSiloStatus(silo.SiloAddress);
        if (status != SiloStatus.Active)
        {
            return Task.FromResult(new HealthCheckResult(
                context.Registration.FailureStatus, $"the silo is not active in its cluster but {status}"));
        }

        if (fence.WhyClosed is { } doubt)
        {
            return Task.FromResult(new HealthCheckResult(
                context.Registration.FailureStatus, $"all queues are paused and nothing is committed, since {doubt}"));
        }

        var reports = running.All
            .OrderBy(consumer => consumer.Group, StringComparer.Ordinal)
            .Select(consumer => GroupHealth.Of(consumer, time.GetUtcNow()))
            .ToArray();
        string[] missing =
        [
            .. NotStarted().Select(control => $"group {control.Group} has not started yet: it is {control.State}"),
            .. reports.SelectMany(report => report.Missing),
        ];
        var troubles = reports.SelectMany(report => report.Troubles).Distinct(StringComparer.Ordinal).ToArray();
        var queues = reports.Sum(report => report.Queues);
        return Task.FromResult((missing, troubles) switch
        {
            ({ Length: > 0 }, _) => new HealthCheckResult(context.Registration.FailureStatus, Join([.. missing, .. troubles])),
            (_, { Length: > 0 }) => HealthCheckResult.Degraded(Join(troubles)),
            _ when consumers.Controls.Count == 0 => HealthCheckResult.Healthy("no consumer group is configured here"),
            _ => HealthCheckResult.Healthy($"{queues} queues run here"),
        });
    }

    // One that somebody has stopped is no fault.
    private IEnumerable<ConsumerLifecycle> NotStarted() => consumers.Controls
        .Where(control => control.State == ConsumerState.Starting || (control.Options.AutoStart && !control.HasRun));

    private static string Join(string[] reasons) => string.Join("; ", reasons.Distinct(StringComparer.Ordinal));
}
