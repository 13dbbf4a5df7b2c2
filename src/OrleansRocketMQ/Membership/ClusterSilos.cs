using Orleans.Runtime;
using OrleansRocketMQ.Engine.Allocation;

namespace OrleansRocketMQ.Allocation;

/// <summary>The silos of this cluster by client id.</summary>
/// <param name="Live">Those that take part.</param>
/// <param name="Dead">Those that do not any more, although a broker may still list them.</param>
internal sealed record ClusterSilos(IReadOnlyDictionary<string, SiloAddress> Live, IReadOnlySet<string> Dead)
{
    /// <param name="membership">What Orleans says.</param>
    /// <param name="leaving">Client ids of silos that have said themselves that they leave.</param>
    /// <param name="unitName">What the client ids of this cluster end with, if anything.</param>
    public static ClusterSilos From(ClusterMembershipSnapshot membership, IReadOnlyCollection<string> leaving, string? unitName)
    {
        var live = new Dictionary<string, SiloAddress>(StringComparer.Ordinal);
        var dead = new HashSet<string>(StringComparer.Ordinal);
        foreach (var member in membership.Members.Values)
        {
            var clientId = ClientIdentity.Of(member.SiloAddress, unitName);
            if (member.Status == SiloStatus.Active && !leaving.Contains(clientId))
            {
                live[clientId] = member.SiloAddress;
            }
            else if (member.Status >= SiloStatus.Active)
            {
                dead.Add(clientId);
            }
        }

        return new ClusterSilos(live, dead);
    }

    /// <summary>The same without addresses, as the allocation is computed by.</summary>
    public ClusterMembers ToMembers() => new(Live.Keys.ToHashSet(StringComparer.Ordinal), Dead);
}
