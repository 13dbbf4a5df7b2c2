using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.GrainDirectory;
using Orleans.Runtime;
using OrleansRocketMQ.Queues;

namespace OrleansRocketMQ.Allocation.Agreement;

/// <inheritdoc cref="IAllocationAgreementGrain"/>
// One for the cluster, also while silos join: see the directory.
[GrainDirectory(QueueDirectory.Name)]
internal sealed partial class AllocationAgreementGrain(
    IClusterMembershipService membership,
    TimeProvider time,
    ILogger<AllocationAgreementGrain> logger)
    : Grain, IAllocationAgreementGrain
{
    private readonly AgreementBook _book = new(time);

    public Task<AllocationAgreement> JoinAsync(AllocationMember member)
    {
        var before = _book.Rule;
        var agreement = _book.Join(member, ActiveSilos);
        if (before is not null && _book.Rule is { } rule && rule.Fingerprint != before.Fingerprint)
        {
            Log.Changed(logger, this.GetPrimaryKeyString(), rule, before);
        }

        return Task.FromResult(agreement);
    }

    public Task LeaveAsync(string silo)
    {
        _book.Leave(silo);
        return Task.CompletedTask;
    }

    private IEnumerable<string> ActiveSilos() => membership.CurrentSnapshot.Members.Values
        .Where(silo => silo.Status == SiloStatus.Active)
        .Select(silo => silo.SiloAddress.ToParsableString());

    private static partial class Log
    {
        [LoggerMessage(251, LogLevel.Information, "Group {Group}: queues are shared out by {Rule} from now on, not by {Before}")]
        public static partial void Changed(ILogger logger, string group, AllocationRule rule, AllocationRule before);
    }
}
