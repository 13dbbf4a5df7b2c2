using System.Net;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>
/// How long queues pause when a silo joins and in a rolling restart, with silos in processes of their own whose listeners take a
/// millisecond. A pause is the longest time between two deliveries of a queue. <c>pauses --rounds 5 --out FILE</c>; with
/// <c>--node FILE</c> silos run that program, for example the node published with ReadyToRun.
/// </summary>
internal static class PausesBenchmark
{
    private const string Topic = "pauses";
    private const int Queues = 16;
    private static readonly TimeSpan Between = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan Settle = TimeSpan.FromSeconds(8);

    public static async Task<int> RunAsync(Arguments arguments)
    {
        var rounds = arguments.Number("rounds", 5);
        FailoverNode.Program = arguments["node"];
        using var broker = BrokerProcess.Start();
        await using var client = Cluster.Connect(broker.NameServer);
        await Cluster.CreateTopicAsync(client, Topic, Queues);
        var address = new IPEndPoint(IPAddress.Loopback, 0);
        using var primary = FailoverBenchmark.BuildPrimary(address);
        await primary.StartAsync();
        var owners = new QueueOwners(Queues);
        var nodes = new List<FailoverNode>();
        using var stopping = new CancellationTokenSource();
        var load = FailoverBenchmark.LoadAsync(client, Topic, Between, stopping.Token);
        Dictionary<string, List<double>> pauses = new() { ["nothing changes"] = [], ["a silo joins"] = [], ["rolling restart"] = [] };
        try
        {
            await JoinAsync();
            await JoinAsync();
            for (var round = 0; round < rounds; round++)
            {
                await MeasureAsync("nothing changes", () => Task.Delay(Settle));
                await MeasureAsync("a silo joins", JoinAsync);
                await MeasureAsync("rolling restart", async () =>
                {
                    for (var left = nodes.Count; left > 0; left--)
                    {
                        await JoinAsync();
                        await LeaveAsync();
                    }
                });
                await LeaveAsync();
            }
        }
        finally
        {
            await stopping.CancelAsync();
            await load;
            await Task.WhenAll(nodes.Select(node => node.DisposeAsync().AsTask()));
        }

        await SayAsync(arguments, pauses, rounds);
        Environment.Exit(0);
        return 0;

        async Task JoinAsync()
        {
            nodes.Add(await FailoverNode.StartAsync(broker.NameServer, Topic, address, owners, "work=1"));
            await AreSharedAsync();
        }

        async Task LeaveAsync()
        {
            var first = nodes[0];
            nodes.RemoveAt(0);
            await first.StopAsync();
            await first.DisposeAsync();
            await AreSharedAsync();
        }

        Task AreSharedAsync() => FailoverBenchmark.UntilAsync(
            () => owners.AreShared([.. nodes.Select(node => node.Id)]), $"the {nodes.Count} silos share the queues");

        async Task MeasureAsync(string what, Func<Task> change)
        {
            await Task.Delay(Settle);
            owners.BeginPauses();
            await change();
            await Task.Delay(TimeSpan.FromSeconds(1));
            pauses[what].AddRange(owners.LongestPauses());
            Console.WriteLine(FormattableString.Invariant($"{what}: longest {pauses[what].TakeLast(Queues).Max():0} ms, load average {ReportFile.Load()}"));
        }
    }

    private static async Task SayAsync(Arguments arguments, Dictionary<string, List<double>> pauses, int rounds)
    {
        var report = new ReportFile(arguments);
        report.Begin("Pauses of queues", $"{rounds} rounds; 2 to 3 silos in processes of their own, listeners of 1 ms, {Queues} queues, a message for each every {Between.TotalMilliseconds:0} ms; milliseconds between two deliveries of a queue, the longest of each queue and round.");
        report.Say("| | median | p99 | longest |");
        report.Say("|---|---|---|---|");
        foreach (var (what, times) in pauses)
        {
            var sorted = times.Order().ToArray();
            report.Say($"| {what} | {sorted[sorted.Length / 2]:0} | {sorted[(int)(sorted.Length * 0.99)]:0} | {sorted[^1]:0} |");
            report.Record($"pauses {what}", "ms", new Spread(times));
        }

        await report.WriteAsync();
    }
}
