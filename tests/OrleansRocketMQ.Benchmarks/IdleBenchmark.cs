using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Hosting;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Engine;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>
/// What queues cost in which nothing happens: <c>idle --counts 1000,10000 --seconds 30 --rounds 3</c>. Each figure comes from a silo in a
/// process of its own, beside one with a single queue in the same round.
/// </summary>
internal static class IdleBenchmark
{
    private const string Group = "benchmark_idle";
    private const int QueuesOfATopic = 1000;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(100);

    public static async Task<int> RunAsync(Arguments arguments)
    {
        if (arguments["queues"] is not null)
        {
            return await RunSiloAsync(arguments);
        }

        int[] counts = [.. (arguments["counts"] ?? "1000,10000").Split(',').Select(count => int.Parse(count, CultureInfo.InvariantCulture))];
        var seconds = arguments.Number("seconds", 30);
        var rounds = arguments.Number("rounds", 3);
        var report = new ReportFile(arguments);
        report.Begin("Idle queues", $"One silo in a process of its own, the broker in another; {seconds} s after all queues had begun to pull; {rounds} rounds.");
        report.Say("| queues | share of a core, median (lowest, highest) | beyond a silo with one queue | heap per queue, KiB |");
        report.Say("|---|---|---|---|");
        using var broker = BrokerProcess.Start();
        var figures = counts.ToDictionary(count => count, _ => new List<(Idle One, Idle Many)>());
        for (var round = 0; round < rounds; round++)
        {
            var one = Measure(broker.NameServer, 1, seconds);
            foreach (var count in round % 2 == 0 ? counts : counts.Reverse())
            {
                figures[count].Add((one, Measure(broker.NameServer, count, seconds)));
            }
        }

        foreach (var (count, pairs) in figures)
        {
            var share = new Spread(pairs.Select(pair => pair.Many.Share * 100));
            var beyond = new Spread(pairs.Select(pair => (pair.Many.Share - pair.One.Share) * 100));
            var heap = new Spread(pairs.Select(pair => (pair.Many.Heap - pair.One.Heap) / (count - 1) / 1024));
            report.Say($"| {count} | {share} % | {beyond} % | {heap} |");
        }

        report.Say(string.Empty);
        report.Say($"Load average at the end: {ReportFile.Load()}.");
        await report.WriteAsync();
        return 0;
    }

    private static Idle Measure(string nameServer, int queues, int seconds)
    {
        using var process = Suite.Spawn("idle", redirect: true, $"--nameserver={nameServer} --queues={queues} --seconds={seconds}");
        var told = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        var last = told.Split('\n', StringSplitOptions.RemoveEmptyEntries).LastOrDefault()?.Split(' ');
        return process.ExitCode == 0 && last is [var share, var heap]
            ? new(double.Parse(share, CultureInfo.InvariantCulture), double.Parse(heap, CultureInfo.InvariantCulture))
            : throw new InvalidOperationException($"the silo with {queues} queues ended with {process.ExitCode}: {told}");
    }

    private static async Task<int> RunSiloAsync(Arguments arguments)
    {
        var queues = arguments.Queues;
        var topics = await CreateTopicsAsync(arguments, queues);
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton(new Goal(long.MaxValue, static () => { }));
        builder.UseOrleans(silo => silo.UseLocalhostClustering().AddRocketMQ(rocketmq => rocketmq
            .UseNameServer(arguments.NameServer)
            .AddConsumer<CountingListener>(Group, consumer =>
            {
                foreach (var topic in topics)
                {
                    consumer.Subscribe(topic);
                }
            })));
        using var host = builder.Build();
        await host.StartAsync();
        var groups = host.Services.GetRequiredService<ConsumerRegistry>();
        var begin = Stopwatch.GetTimestamp();
        while (Begun(groups) < queues)
        {
            if (Stopwatch.GetElapsedTime(begin) > Patience)
            {
                throw new TimeoutException($"{Begun(groups)} of {queues} queues have begun.");
            }

            await Task.Delay(LookAgain);
        }

        // What the start has left behind is not an idle queue's.
        await Task.Delay(TimeSpan.FromSeconds(10));
        var heap = GC.GetTotalMemory(forceFullCollection: true);
        var start = ProcessFigures.Now();
        await Task.Delay(TimeSpan.FromSeconds(arguments.Number("seconds", 30)));
        var end = ProcessFigures.Now();
        Console.WriteLine(FormattableString.Invariant($"{(end.Cpu - start.Cpu) / end.Since(start):0.00000} {heap}"));
        await host.StopAsync();
        return 0;
    }

    private static async Task<List<string>> CreateTopicsAsync(Arguments arguments, int queues)
    {
        await using var client = Cluster.Connect(arguments.NameServer);
        var topics = new List<string>();
        for (var left = queues; left > 0; left -= QueuesOfATopic)
        {
            topics.Add($"idle_{queues}_{topics.Count}");
            await Cluster.CreateTopicAsync(client, topics[^1], Math.Min(left, QueuesOfATopic));
        }

        return topics;
    }

    private static int Begun(ConsumerRegistry groups)
        => groups.Find(Group)?.Pumps.Values.Count(pump => pump.HasBegun && pump.Queue.Topic.StartsWith("idle_", StringComparison.Ordinal)) ?? 0;

    /// <summary>A silo's share of a core, and its live heap in bytes.</summary>
    private readonly record struct Idle(double Share, double Heap);
}
