namespace OrleansRocketMQ.Allocation;

/// <summary>Tells where brokers and members stand. Mirrors <c>AllocateMachineRoomNearby.MachineRoomResolver</c>.</summary>
public interface IMachineRoomResolver
{
    /// <summary>The room of a queue's broker; null or empty when it is not known.</summary>
    string? RoomOf(MessageQueue queue);

    /// <summary>The room of a member; null or empty when it is not known. A silo's client id is <c>ip@port#generation</c>.</summary>
    string? RoomOf(string clientId);
}

/// <summary>
/// MACHINE_ROOM_NEARBY: queues stay in their room, shared out among its members by another strategy. Rooms with queues
/// and no member are shared out among all. Mirrors <c>AllocateMachineRoomNearby</c>.
/// </summary>
/// <param name="inner">How the queues of a room are shared out.</param>
/// <param name="rooms">Where brokers and members stand.</param>
public sealed class NearbyAllocation(IAllocateStrategy inner, IMachineRoomResolver rooms) : WholeAllocation
{
    /// <summary>The name without that of the strategy inside.</summary>
    internal const string BareName = "MACHINE_ROOM_NEARBY";

    /// <summary>As Java's: with the name of the strategy inside, <c>MACHINE_ROOM_NEARBY-AVG</c>.</summary>
    public override string Name => $"{BareName}-{inner.Name}";

    /// <exception cref="RebalanceException">The room of a broker or a member is not known.</exception>
    private protected override void Share(
        string group,
        IReadOnlyList<MessageQueue> queues,
        IReadOnlyList<string> clientIds,
        List<MessageQueue>[] shares)
    {
        var places = Enumerable.Range(0, clientIds.Count).ToArray();
        var members = places.ToLookup(
            place => Known(rooms.RoomOf(clientIds[place]), $"member '{clientIds[place]}'"), StringComparer.Ordinal);
        foreach (var room in queues.GroupBy(queue => Known(rooms.RoomOf(queue), $"{queue}"), StringComparer.Ordinal))
        {
            var takers = members.Contains(room.Key) ? members[room.Key].ToArray() : places;
            var inRoom = inner.AllocateAll(group, [.. room], [.. takers.Select(place => clientIds[place])]);
            for (var taker = 0; taker < takers.Length; taker++)
            {
                shares[takers[taker]].AddRange(inRoom[taker]);
            }
        }
    }

    private static string Known(string? room, string whose)
        => string.IsNullOrEmpty(room) ? throw new RebalanceException($"The machine room of {whose} is not known.") : room;
}
