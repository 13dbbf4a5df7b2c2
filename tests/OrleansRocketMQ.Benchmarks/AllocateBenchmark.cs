using BenchmarkDotNet.Attributes;
using OrleansRocketMQ.Allocation;
using OrleansRocketMQ.Engine.Allocation;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>How long a silo takes to learn who owns each of 100,000 queues, by strategy, with 1,000 members.</summary>
public class AllocateBenchmark
{
    private const int Members = 1000;
    private const int Queues = 100_000;

    private static readonly string[] Rooms = ["east", "west", "north"];
    private static readonly string[] Names = [.. Enumerable.Range(0, Members).Select(number => $"10.{number % 3}.{number / 256}.{number % 256}@11111#1")];
    private static readonly MessageQueue[] All =
        [.. Enumerable.Range(0, Queues).Select(number => new MessageQueue("benchmark", $"{Rooms[number % 3]}@{number / 5000:00}", number)).Order()];
    private readonly Dictionary<string, IAllocateStrategy> _strategies = Strategies().ToDictionary(strategy => strategy.Name);

    public static IEnumerable<string> StrategyNames => Strategies().Select(strategy => strategy.Name);

    [ParamsSource(nameof(StrategyNames))]
    public string Strategy { get; set; } = "";

    /// <summary>A strategy that left out queues would be quick.</summary>
    [GlobalSetup]
    public void Check()
    {
        if (Compute().Queues.Count() != Queues)
        {
            throw new InvalidOperationException($"{Strategy} left out queues");
        }
    }

    [Benchmark]
    public object Allocate() => Compute();

    private AllocationView Compute() => AllocationView.Compute(
        "benchmark", _strategies[Strategy], [All], Names, ClusterMembers.None);

    private static IAllocateStrategy[] Strategies()
    {
        var nearby = new PrefixMachineRooms(Rooms.Select((room, index) => (room, index))
            .ToDictionary(room => room.room, room => (IReadOnlyList<string>)[room.room, $"10.{room.index}."]));
        return
        [
            new AverageAllocation(),
            new CircleAllocation(),
            new ConsistentHashAllocation(),
            new HashAllocation(),
            new MachineRoomAllocation(Rooms),
            new NearbyAllocation(new AverageAllocation(), nearby),
            new ConfiguredAllocation(Names.Select((member, index) => new KeyValuePair<string, IReadOnlyList<MessageQueue>>(
                member, All[(index * Queues / Members)..((index + 1) * Queues / Members)]))),
        ];
    }
}
