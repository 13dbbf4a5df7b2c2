using Microsoft.Extensions.Diagnostics.HealthChecks;
using Orleans.Runtime;

namespace OrleansRocketMQ.Health;

/// <summary>Whether the process should go on living: what is away comes back by itself, but a silo declared dead does not.</summary>
internal sealed class LivenessCheck(IClusterMembershipService membership, ILocalSiloDetails silo) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        var status = membership.CurrentSnapshot.GetSiloStatus(silo.SiloAddress);
        return Task.FromResult(status == SiloStatus.Dead
            ? new HealthCheckResult(context.Registration.FailureStatus, $"the cluster has declared silo {silo.Name} dead; it must be started anew")
            : HealthCheckResult.Healthy($"the silo is {status}"));
    }
}
