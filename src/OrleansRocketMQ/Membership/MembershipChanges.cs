using System.Runtime.CompilerServices;
using Orleans.Runtime;

namespace OrleansRocketMQ.Allocation;

/// <summary>What really changes in the list of silos.</summary>
internal static class MembershipChanges
{
    /// <summary>
    /// Leaves out lists with the same silos in the same states as the one before: Orleans may tell a version more than once. Not
    /// by the version, as a silo that stops tells its own state before the table has it.
    /// </summary>
    public static async IAsyncEnumerable<ClusterMembershipSnapshot> WithoutRepeats(
        this IAsyncEnumerable<ClusterMembershipSnapshot> updates, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ClusterMembershipSnapshot? last = null;
        await foreach (var next in updates.WithCancellation(cancellationToken).ConfigureAwait(false))
        {
            if (last is null || !IsSame(last, next))
            {
                last = next;
                yield return next;
            }
        }
    }

    private static bool IsSame(ClusterMembershipSnapshot one, ClusterMembershipSnapshot other)
        => one.Members.Count == other.Members.Count
            && one.Members.All(member => other.Members.TryGetValue(member.Key, out var same)
                && same.Status == member.Value.Status
                && same.Name == member.Value.Name);
}
