using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Orleans.Runtime;
using OrleansRocketMQ.Fencing;

namespace OrleansRocketMQ.Health;

/// <summary>
/// Whether the process should go on living: what is away comes back by itself, but a silo declared dead does not, nor does
/// one whose fence nobody watches.
/// </summary>
internal sealed class LivenessCheck(
    IClusterMembershipService membership,
    ILocalSiloDetails silo,
    MembershipFence fence,
    IHostApplicationLifetime? host = null) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        var status = membership.CurrentSnapshot.GetSiloStatus(silo.SiloAddress);
        // A silo that has left its cluster on its own is dead in the list, too.
        var reason = host?.ApplicationStopping.IsCancellationRequested == true ? null
            : status == SiloStatus.Dead ? $"the cluster has declared silo {silo.Name} dead; it must be started anew"
            : fence.HasFailed ? $"silo {silo.Name} does not watch the cluster's membership any more, "
                + "so its queues would pause for ever; it must be started anew"
            : null;
        return Task.FromResult(reason is null
            ? HealthCheckResult.Healthy($"the silo is {status}")
            : new HealthCheckResult(context.Registration.FailureStatus, reason));
    }
}
