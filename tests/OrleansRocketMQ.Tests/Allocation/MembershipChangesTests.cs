using System.Collections.Immutable;
using System.Net;
using Orleans.Runtime;
using OrleansRocketMQ.Allocation;

namespace OrleansRocketMQ.Tests.Allocation;

/// <summary>The rebalance service looks when silos change, and not when Orleans says the same again.</summary>
public sealed class MembershipChangesTests
{
    [Fact]
    public async Task Only_changes_of_silos_are_told()
    {
        var seen = new List<string>();
        await foreach (var snapshot in Told().WithoutRepeats(CancellationToken.None))
        {
            seen.Add(string.Join(' ', snapshot.Members.Values.OrderBy(member => member.Name, StringComparer.Ordinal).Select(member => $"{member.Name}={member.Status}")));
        }

        Assert.Equal(["a=Active", "a=Active b=Joining", "a=Active b=Active", "a=ShuttingDown b=Active", "b=Active"], seen);
    }

    private static async IAsyncEnumerable<ClusterMembershipSnapshot> Told()
    {
        await Task.Yield();
        yield return Of(1, ("a", SiloStatus.Active));
        yield return Of(1, ("a", SiloStatus.Active));
        yield return Of(2, ("a", SiloStatus.Active), ("b", SiloStatus.Joining));
        yield return Of(3, ("a", SiloStatus.Active), ("b", SiloStatus.Joining));
        yield return Of(4, ("a", SiloStatus.Active), ("b", SiloStatus.Active));
        // A silo's own state, before the table has it.
        yield return Of(4, ("a", SiloStatus.ShuttingDown), ("b", SiloStatus.Active));
        yield return Of(4, ("a", SiloStatus.ShuttingDown), ("b", SiloStatus.Active));
        yield return Of(5, ("b", SiloStatus.Active));
    }

    private static ClusterMembershipSnapshot Of(long version, params (string Name, SiloStatus Status)[] silos) => new(
        silos.Select(silo => new ClusterMember(SiloAddress.New(IPAddress.Loopback, 11111, silo.Name[0]), silo.Status, silo.Name)).ToImmutableDictionary(member => member.SiloAddress),
        new MembershipVersion(version));
}
