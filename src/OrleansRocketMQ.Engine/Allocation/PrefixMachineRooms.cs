namespace OrleansRocketMQ.Allocation;

/// <summary>
/// Machine rooms by how names begin: broker names such as <c>east-broker-a</c>, client ids such as <c>10.1.0.7@...</c>.
/// The longest beginning that fits decides.
/// </summary>
/// <param name="rooms">Rooms with the beginnings of the broker names and client ids that stand in them.</param>
public sealed class PrefixMachineRooms(IReadOnlyDictionary<string, IReadOnlyList<string>> rooms) : IMachineRoomResolver
{
    private readonly (string Prefix, string Room)[] _prefixes =
    [
        .. rooms.SelectMany(room => room.Value.Select(prefix => (prefix, room.Key)))
            .OrderByDescending(pair => pair.prefix.Length).ThenBy(pair => pair.prefix, StringComparer.Ordinal),
    ];

    /// <inheritdoc/>
    public string? RoomOf(MessageQueue queue)
    {
        ArgumentNullException.ThrowIfNull(queue);
        return RoomOf(queue.BrokerName);
    }

    /// <inheritdoc/>
    public string? RoomOf(string clientId)
    {
        ArgumentNullException.ThrowIfNull(clientId);
        return _prefixes.FirstOrDefault(pair => clientId.StartsWith(pair.Prefix, StringComparison.Ordinal)).Room;
    }
}
