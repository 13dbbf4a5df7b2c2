using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace OrleansRocketMQ.Allocation;

/// <summary>
/// CONSISTENT_HASH: each member has places on a ring, a queue belongs to the first place at or after its own. When a
/// member comes or goes, only queues it gets or had move. Mirrors <c>AllocateMessageQueueConsistentHash</c> with its
/// MD5 ring, queue for queue.
/// </summary>
/// <param name="virtualNodes">
/// Places of each member on the ring, 1 to 10000. Java's default is 10; more spread the queues more evenly.
/// </param>
/// <exception cref="RocketMQValidationException">The number is out of range.</exception>
public sealed class ConsistentHashAllocation(int virtualNodes = 10) : WholeAllocation
{
    private readonly int _virtualNodes = virtualNodes is >= 1 and <= 10_000
        ? virtualNodes
        : throw new RocketMQValidationException(nameof(virtualNodes), virtualNodes, "1 to 10000");

    /// <inheritdoc/>
    public override string Name => "CONSISTENT_HASH";

    private protected override void Share(
        string group,
        IReadOnlyList<MessageQueue> queues,
        IReadOnlyList<string> clientIds,
        List<MessageQueue>[] shares)
    {
        var (places, members) = Ring(clientIds);
        foreach (var queue in queues)
        {
            var place = Array.BinarySearch(places, Hash(queue.ToString()));
            place = place < 0 ? ~place : place;
            shares[members[place == places.Length ? 0 : place]].Add(queue);
        }
    }

    private (uint[] Places, int[] Members) Ring(IReadOnlyList<string> clientIds)
    {
        // Where two members meet on one place, the later one has it, as in Java's map.
        var ring = new Dictionary<uint, int>(clientIds.Count * _virtualNodes);
        for (var member = 0; member < clientIds.Count; member++)
        {
            for (var node = 0; node < _virtualNodes; node++)
            {
                ring[Hash(string.Create(CultureInfo.InvariantCulture, $"{clientIds[member]}-{node}"))] = member;
            }
        }

        uint[] places = [.. ring.Keys];
        int[] members = [.. ring.Values];
        Array.Sort(places, members);
        return (places, members);
    }

#pragma warning disable CA5351 // Nothing is kept secret with it: the ring must be the one Java members see.
    private static uint Hash(string key)
    {
        Span<byte> digest = stackalloc byte[MD5.HashSizeInBytes];
        MD5.HashData(Encoding.UTF8.GetBytes(key), digest);
        return BinaryPrimitives.ReadUInt32BigEndian(digest);
    }
#pragma warning restore CA5351
}
