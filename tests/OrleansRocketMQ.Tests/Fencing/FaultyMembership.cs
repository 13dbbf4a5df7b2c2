using Microsoft.Extensions.DependencyInjection;
using Orleans.Runtime;

namespace OrleansRocketMQ.Tests.Fencing;

/// <summary>A silo's membership service, as Orleans has it, until it is told that the table is away.</summary>
internal sealed class FaultyMembership(IClusterMembershipService real, FaultyMembership.Switch faults) : IClusterMembershipService
{
    public ClusterMembershipSnapshot CurrentSnapshot => real.CurrentSnapshot;

    public IAsyncEnumerable<ClusterMembershipSnapshot> MembershipUpdates => real.MembershipUpdates;

    public ValueTask Refresh(MembershipVersion minimumVersion = default, CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref faults.Readings);
        return faults.IsAway ? throw new TimeoutException("The table is away.") : real.Refresh(minimumVersion, cancellationToken);
    }

    public Task<bool> TryKill(SiloAddress siloAddress) => real.TryKill(siloAddress);

    /// <summary>Makes the silos whose services these are ask through the switch.</summary>
    public static void Install(IServiceCollection services, Switch faults)
    {
        var orleans = services.Last(service => service.ServiceType == typeof(IClusterMembershipService));
        services.AddSingleton<IClusterMembershipService>(provider => new FaultyMembership((IClusterMembershipService)orleans.ImplementationFactory!(provider), faults));
    }

    internal sealed class Switch
    {
        public int Readings;

        public volatile bool IsAway;
    }
}
