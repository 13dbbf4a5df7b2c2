using System.Globalization;
using System.Text;
using OrleansRocketMQ.Allocation;

namespace OrleansRocketMQ.Tests.Allocation;

/// <summary>
/// What the classes of RocketMQ 5.3.3 answer to 260 inputs, recorded: topic, brokers with their queue counts, members,
/// rooms, and for each strategy the owner of every queue in order, as one character (0-9, a-z, A-Z; - for nobody).
/// </summary>
public sealed class JavaAllocationTests
{
    private const string Symbols = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    private static readonly string[][] Lines = ReadLines();

    public static TheoryData<string> Strategies => [.. Lines[0].Skip(4)];

    [Theory]
    [MemberData(nameof(Strategies))]
    public void Every_queue_has_the_owner_Java_gives_it(string strategy)
    {
        var column = Array.IndexOf(Lines[0], strategy);
        Assert.Equal(261, Lines.Length);

        var different = Lines.Skip(1).Where(line => Owners(strategy, line) != line[column]).Select(line => $"{line[0]}: Java {line[column]}, ours {Owners(strategy, line)}");

        Assert.Empty(different);
    }

    private static string Owners(string strategy, string[] line)
    {
        var queues = line[1].Split(' ').SelectMany(broker => QueuesOf(line[0], broker)).Order().ToArray();
        var members = line[2].Split(' ');
        var owners = new StringBuilder(new string('-', queues.Length));
        var shares = Create(strategy, line[3].Split(' ')).AllocateAll("g", queues, members);
        for (var member = 0; member < members.Length; member++)
        {
            foreach (var queue in shares[member])
            {
                owners[Array.IndexOf(queues, queue)] = Symbols[member];
            }
        }

        return owners.ToString();
    }

    private static IEnumerable<MessageQueue> QueuesOf(string topic, string broker)
    {
        var colon = broker.LastIndexOf(':');
        return Enumerable.Range(0, int.Parse(broker[(colon + 1)..], CultureInfo.InvariantCulture)).Select(id => new MessageQueue(topic, broker[..colon], id));
    }

    private static IAllocateStrategy Create(string strategy, string[] rooms) => strategy switch
    {
        "AVG" => new AverageAllocation(),
        "AVG_BY_CIRCLE" => new CircleAllocation(),
        "MACHINE_ROOM" => new MachineRoomAllocation(rooms),
        "MACHINE_ROOM_NEARBY-AVG" => new NearbyAllocation(new AverageAllocation(), new RoomsByName()),
        "MACHINE_ROOM_NEARBY-CONSISTENT_HASH" => new NearbyAllocation(new ConsistentHashAllocation(), new RoomsByName()),
        "CONSISTENT_HASH" => new ConsistentHashAllocation(),
        "CONSISTENT_HASH/100" => new ConsistentHashAllocation(virtualNodes: 100),
        _ => throw new InvalidOperationException(strategy),
    };

    private static string[][] ReadLines()
    {
        var assembly = typeof(JavaAllocationTests).Assembly;
        using var stream = assembly.GetManifestResourceStream(
            assembly.GetManifestResourceNames().Single(name => name.EndsWith("java-5.3.3-allocations.tsv", StringComparison.Ordinal)))!;
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return [.. reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split('\t'))];
    }

    /// <summary>As the resolver of the recorded runs.</summary>
    private sealed class RoomsByName : IMachineRoomResolver
    {
        public string RoomOf(MessageQueue queue) => queue.BrokerName.Split('@')[0];

        public string RoomOf(string clientId) => clientId.Split('-')[0];
    }
}
