using System.Diagnostics;
using Orleans.Runtime;
using OrleansRocketMQ.Allocation;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>How long a silo takes to learn who owns each of 100,000 queues, by strategy, with 1,000 members.</summary>
internal static class AllocateBenchmark
{
    private const int Members = 1000;
    private const int Queues = 100_000;

    public static int Run()
    {
        string[] rooms = ["east", "west", "north"];
        var members = Enumerable.Range(0, Members).Select(number => $"10.{number % 3}.{number / 256}.{number % 256}@11111#1").ToArray();
        var queues = Enumerable.Range(0, Queues).Select(number => new MessageQueue("benchmark", $"{rooms[number % 3]}@{number / 5000:00}", number)).Order().ToArray();
        var nearby = new PrefixMachineRooms(rooms.Select((room, index) => (room, index))
            .ToDictionary(room => room.room, room => (IReadOnlyList<string>)[room.room, $"10.{room.index}."]));
        IAllocateStrategy[] strategies =
        [
            new AverageAllocation(),
            new CircleAllocation(),
            new ConsistentHashAllocation(),
            new HashAllocation(),
            new MachineRoomAllocation(rooms),
            new NearbyAllocation(new AverageAllocation(), nearby),
            new ConfiguredAllocation(members.Select((member, index) => new KeyValuePair<string, IReadOnlyList<MessageQueue>>(
                member, queues[(index * Queues / Members)..((index + 1) * Queues / Members)]))),
        ];
        foreach (var strategy in strategies)
        {
            // The first round pays for the compiler; a silo pays it once.
            var times = Enumerable.Range(0, 6).Select(_ => Measure(strategy, queues, members)).ToArray();
            Console.WriteLine(FormattableString.Invariant(
                $"allocate {Queues:N0} queues to {Members:N0} members, {strategy.Name}: first {times[0].TotalMilliseconds:F0} ms, then {times.Skip(1).Average(time => time.TotalMilliseconds):F0} ms"));
        }

        return 0;
    }

    private static TimeSpan Measure(IAllocateStrategy strategy, MessageQueue[] queues, string[] members)
    {
        var start = Stopwatch.GetTimestamp();
        var view = AllocationView.Compute(
            "benchmark", strategy, [queues], members, new ClusterSilos(new Dictionary<string, SiloAddress>(), new HashSet<string>()));
        var elapsed = Stopwatch.GetElapsedTime(start);
        return view.Queues.Count() == Queues ? elapsed : throw new InvalidOperationException($"{strategy.Name} left out queues");
    }
}
