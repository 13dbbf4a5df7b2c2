using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace OrleansRocketMQ.Allocation;

/// <summary>
/// HASH: each queue belongs to the member with the highest score for it (rendezvous hashing), so a member keeps its
/// queues while others come and go: only those it gets or had ever move. Shares are even on average only. RocketMQ has
/// none of the kind; use it where all members are silos.
/// </summary>
/// <remarks>
/// The score of a member for a queue: the first eight bytes of the SHA-256 of the client id and of the queue's text, as
/// big-endian numbers, combined by exclusive or and mixed by MurmurHash3's 64-bit finalizer. Of equal scores the member
/// first in order wins.
/// </remarks>
public sealed class HashAllocation : WholeAllocation
{
    /// <inheritdoc/>
    public override string Name => "HASH";

    private protected override void Share(
        string group,
        IReadOnlyList<MessageQueue> queues,
        IReadOnlyList<string> clientIds,
        List<MessageQueue>[] shares)
    {
        ulong[] members = [.. clientIds.Select(Hash)];
        foreach (var queue in queues)
        {
            shares[Winner(members, Hash(queue.ToString()))].Add(queue);
        }
    }

    private static int Winner(ulong[] members, ulong queue)
    {
        var winner = 0;
        var best = Mix(members[0] ^ queue);
        for (var member = 1; member < members.Length; member++)
        {
            var score = Mix(members[member] ^ queue);
            if (score > best)
            {
                (winner, best) = (member, score);
            }
        }

        return winner;
    }

    private static ulong Mix(ulong value)
    {
        value = (value ^ (value >> 33)) * 0xff51afd7ed558ccd;
        value = (value ^ (value >> 33)) * 0xc4ceb9fe1a85ec53;
        return value ^ (value >> 33);
    }

    private static ulong Hash(string text)
    {
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(text), digest);
        return BinaryPrimitives.ReadUInt64BigEndian(digest);
    }
}
