using System.Diagnostics;
using System.Globalization;
using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Orleans.Hosting;
using Orleans.Runtime;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.Testing;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>
/// How soon the queues of a killed and of a frozen process run elsewhere, and whether a silo is declared dead that is not.
/// The silos are processes of their own; one more, in this process, keeps the list of silos and consumes nothing.
/// <c>--kills 20 --freezes 20 --silos 2 --watch 60 --out FILE</c>
/// </summary>
internal static class FailoverBenchmark
{
    private const string Topic = "failover";
    private const int Queues = 16;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    // What is measured is not finer than that.
    private static readonly TimeSpan Between = TimeSpan.FromMilliseconds(50);

    public static async Task<int> RunAsync(Arguments arguments)
    {
        var silos = arguments.Number("silos", 2);
        using var broker = BrokerProcess.Start();
        await using var client = Cluster.Connect(broker.NameServer);
        await Cluster.CreateTopicAsync(client, Topic, Queues);
        var address = new IPEndPoint(IPAddress.Loopback, 0);
        using var primary = BuildPrimary(address);
        await primary.StartAsync();
        var membership = primary.Services.GetRequiredService<IClusterMembershipService>();
        var owners = new QueueOwners(Queues);
        var nodes = new List<FailoverNode>();
        using var stopping = new CancellationTokenSource();
        var load = LoadAsync(client, Topic, Between, stopping.Token);
        var report = new Report(arguments, silos);
        try
        {
            await RefillAsync(nodes, silos, broker.NameServer, address, owners);
            await WatchAsync(TimeSpan.FromSeconds(arguments.Number("watch", 0)), nodes, owners, membership, report);
            await DisturbAsync(arguments.Number("kills", 20), "kill -9", victim => { victim.Kill(); return Task.CompletedTask; }, ended => Task.FromResult(true));
            await DisturbAsync(arguments.Number("freezes", 20), "SIGSTOP", victim => victim.FreezeAsync(), victim => victim.ThawAsync());
        }
        finally
        {
            await stopping.CancelAsync();
            await load;
            await Task.WhenAll(nodes.Select(node => node.DisposeAsync().AsTask()));
        }

        await report.WriteAsync();
        Environment.Exit(0);
        return 0;

        async Task DisturbAsync(int times, string what, Func<FailoverNode, Task> disturb, Func<FailoverNode, Task<bool>> end)
        {
            for (var time = 0; time < times; time++)
            {
                var victim = nodes[0];
                var dead = DeadIn(membership);
                var queues = owners.Of(victim.Id);
                var start = Stopwatch.GetTimestamp();
                await disturb(victim);
                long[]? taken = null;
                var declared = TimeSpan.Zero;
                await UntilAsync(
                    () =>
                    {
                        declared = declared == TimeSpan.Zero && DeadIn(membership) > dead ? Stopwatch.GetElapsedTime(start) : declared;
                        return (taken = owners.TakenOver(queues, victim.Id)) is not null;
                    },
                    $"the queues of process {victim.Id} run elsewhere after {what}");
                var elsewhere = Stopwatch.GetElapsedTime(start, taken!.Max());
                nodes.RemoveAt(0);
                var ended = await end(victim);
                await victim.DisposeAsync();
                report.Add(what, declared, elsewhere, ended, DeadIn(membership) - dead - 1 + nodes.Count(node => node.HasEnded));
                await RefillAsync(nodes, silos, broker.NameServer, address, owners);
            }
        }
    }

    private static int DeadIn(IClusterMembershipService membership)
        => membership.CurrentSnapshot.Members.Values.Count(member => member.Status == SiloStatus.Dead);

    private static async Task WatchAsync(TimeSpan time, List<FailoverNode> nodes, QueueOwners owners, IClusterMembershipService membership, Report report)
    {
        if (time > TimeSpan.Zero)
        {
            var (dead, moves) = (DeadIn(membership), owners.Moves);
            await Task.Delay(time);
            report.Watched(time, DeadIn(membership) - dead, nodes.Count(node => node.HasEnded), owners.Moves - moves);
        }
    }

    private static async Task RefillAsync(List<FailoverNode> nodes, int silos, string nameServer, IPEndPoint primary, QueueOwners owners)
    {
        foreach (var ended in nodes.Where(node => node.HasEnded).ToArray())
        {
            nodes.Remove(ended);
            await ended.DisposeAsync();
        }

        while (nodes.Count < silos)
        {
            nodes.Add(await FailoverNode.StartAsync(nameServer, Topic, primary, owners));
        }

        await UntilAsync(() => owners.AreShared([.. nodes.Select(node => node.Id)]), "the silos share the queues");

        // A silo that has been measured only a few times is not yet given the time of a healthy one.
        await Task.Delay(TimeSpan.FromSeconds(8));
    }

    internal static async Task UntilAsync(Func<bool> condition, string what)
    {
        var start = Stopwatch.GetTimestamp();
        while (!condition())
        {
            if (Stopwatch.GetElapsedTime(start) > Patience)
            {
                throw new TimeoutException($"Not within {Patience}: {what}");
            }

            await Task.Delay(10);
        }
    }

    /// <summary>A silo that keeps the list of silos and consumes nothing.</summary>
    internal static IHost BuildPrimary(IPEndPoint address)
    {
        var ports = FreePorts.Take(2);
        address.Port = ports[0];
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders();
        builder.UseOrleans(silo => silo.UseLocalhostClustering(ports[0], ports[1]).AddRocketMQ("127.0.0.1:1").UseFastFailureDetection());
        return builder.Build();
    }

    /// <summary>Sends a message to each queue of a topic, again and again, until it is told to stop.</summary>
    internal static async Task LoadAsync(Clients.RocketMQClient client, string topic, TimeSpan between, CancellationToken cancellationToken)
    {
        await using var producer = new Producer(client, new ProducerOptions { Group = "benchmark" }, NullLoggerFactory.Instance);
        var route = await client.Routes.RefreshAsync(topic, CancellationToken.None);
        using var timer = new PeriodicTimer(between);
        try
        {
            while (await timer.WaitForNextTickAsync(cancellationToken))
            {
                await Task.WhenAll(route.WriteQueues.Select(queue => producer.SendAsync(new Message(topic, new byte[64]), queue, cancellationToken)));
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Enough.
        }
    }

    /// <summary>What was seen, as a document.</summary>
    private sealed class Report
    {
        private readonly List<string> _lines = [];
        private readonly Dictionary<string, List<(TimeSpan Declared, TimeSpan Elsewhere)>> _times = [];
        private readonly string? _file;

        public Report(Arguments arguments, int silos)
        {
            _file = arguments["out"];
            Say("# Failover");
            Say(string.Empty);
            Say(string.Create(CultureInfo.InvariantCulture, $"{DateTime.UtcNow:yyyy-MM-dd HH:mm} UTC, {Environment.ProcessorCount} cores, {Environment.OSVersion}, .NET {Environment.Version}, "
                + $"{arguments["note"] ?? "nothing else noted"}. {silos} silos in processes of their own and one that keeps the list of silos, `UseFastFailureDetection()`, {Queues} queues, a message for each every 50 ms."));
            Say(string.Empty);
        }

        public void Add(string what, TimeSpan declared, TimeSpan elsewhere, bool ended, int falseAlarms)
        {
            (_times.TryGetValue(what, out var times) ? times : _times[what] = []).Add((declared, elsewhere));
            Say(string.Create(CultureInfo.InvariantCulture, $"- {what} {_times[what].Count}: declared dead after {declared.TotalSeconds:F2} s, all its queues elsewhere after {elsewhere.TotalSeconds:F2} s; "
                + $"others declared dead meanwhile: {falseAlarms}{(ended ? string.Empty : "; it did not end by itself")}; load average {File.ReadAllText("/proc/loadavg").Split(' ')[0]}"));
        }

        public void Watched(TimeSpan time, int dead, int ended, int moves) => Say(string.Create(
            CultureInfo.InvariantCulture,
            $"- undisturbed for {time.TotalSeconds:F0} s: {dead} silos declared dead, {ended} processes ended, {moves} moves of queues; load average {File.ReadAllText("/proc/loadavg").Split(' ')[0]}"));

        public async Task WriteAsync()
        {
            Say(string.Empty);
            Say("| what | times | declared dead: median, longest | all queues elsewhere: median, longest |");
            Say("|---|---|---|---|");
            foreach (var (what, times) in _times)
            {
                var (declared, elsewhere) = (times.Select(time => time.Declared).Order().ToArray(), times.Select(time => time.Elsewhere).Order().ToArray());
                Say(string.Create(CultureInfo.InvariantCulture, $"| {what} | {times.Count} | {Median(declared):F2} s, {declared[^1].TotalSeconds:F2} s | {Median(elsewhere):F2} s, {elsewhere[^1].TotalSeconds:F2} s |"));
            }

            if (_file is not null)
            {
                await File.WriteAllLinesAsync(_file, _lines);
            }
        }

        private static double Median(TimeSpan[] sorted) => sorted[sorted.Length / 2].TotalSeconds;

        private void Say(string line)
        {
            _lines.Add(line);
            Console.WriteLine(line);
        }
    }
}
