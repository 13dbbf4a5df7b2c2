namespace OrleansRocketMQ.Allocation;

/// <summary>
/// MACHINE_ROOM: only queues of brokers named <c>room@name</c> whose room is one of the given, shared out evenly. Nobody
/// gets the others. Mirrors <c>AllocateMessageQueueByMachineRoom</c>, queue for queue.
/// </summary>
public sealed class MachineRoomAllocation(IEnumerable<string> rooms) : WholeAllocation
{
    private readonly HashSet<string> _rooms = new(rooms, StringComparer.Ordinal);

    /// <inheritdoc/>
    public override string Name => "MACHINE_ROOM";

    private protected override void Share(
        string group,
        IReadOnlyList<MessageQueue> queues,
        IReadOnlyList<string> clientIds,
        List<MessageQueue>[] shares)
    {
        var here = queues.Where(queue => RoomOf(queue.BrokerName) is { } room && _rooms.Contains(room)).ToArray();
        var (share, rest) = Math.DivRem(here.Length, shares.Length);
        for (var member = 0; member < shares.Length; member++)
        {
            shares[member].AddRange(here.AsSpan(share * member, share));
            if (member < rest)
            {
                shares[member].Add(here[member + (share * shares.Length)]);
            }
        }
    }

    // As Java splits: at signs at the end do not count.
    private static string? RoomOf(string brokerName)
    {
        var parts = brokerName.TrimEnd('@').Split('@');
        return parts.Length == 2 ? parts[0] : null;
    }
}
