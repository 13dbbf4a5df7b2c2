using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;
using Orleans;
using Orleans.Hosting;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Dashboard.Feed;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Engine;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>One size of <see cref="ScaleBenchmark"/>: prints a line for each thing that was counted.</summary>
internal sealed class ScaleRun(int silos, int queues, TimeSpan window)
{
    public const string Steady = "A steady minute";
    public const string Leaves = "A silo leaves the group";
    public const string Joins = "A silo joins the group";
    public const string Status = "A status";
    public const string Dashboard = "A round of a dashboard";
    public const string Notice = "notice of a change of members";

    private const string Group = "benchmark_scale";
    private const int MostQueuesOfATopicAtABroker = 1000;
    private const int Brokers = 2;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(8);
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(5);

    private readonly TrafficCounts _counts = new();
    private List<IHost> _hosts = [];

    private string[] Topics { get; } = [.. Enumerable.Range(0, (queues + (Brokers * MostQueuesOfATopicAtABroker) - 1) / (Brokers * MostQueuesOfATopicAtABroker)).Select(number => $"scale_{number}")];

    public async Task<int> RunAsync()
    {
        await using var rocketmq = await EmbeddedRocketMQ.StartAsync();
        var second = await rocketmq.AddBrokerAsync("broker-b");
        for (int number = 0, left = queues; left > 0; number++, left -= Brokers * MostQueuesOfATopicAtABroker)
        {
            var ofTopic = Math.Min(left, Brokers * MostQueuesOfATopicAtABroker);
            rocketmq.Broker.CreateTopic(Topics[number], ofTopic / Brokers);
            second.CreateTopic(Topics[number], ofTopic - (ofTopic / Brokers));
        }

        using var watching = _counts.Watch(rocketmq);
        _hosts = await ManySilos.StartAsync(silos, (silo, _) => silo
            .AddIncomingGrainCallFilter(_counts.Calls)
            .AddRocketMQ(rocketmqOfSilo => rocketmqOfSilo
                .UseNameServer(rocketmq.NameServerAddress)
                .Configure(options => options.MembershipTimeout = TimeSpan.Zero)
                .AddConsumer(Group, consumer =>
                {
                    consumer.Configure(options => (options.AutoStart, options.ConsumeFromWhere) = (false, ConsumeFromWhere.FirstOffset));
                    consumer.Handle((_, _) => Task.CompletedTask);
                    foreach (var topic in Topics)
                    {
                        consumer.Subscribe(topic);
                    }
                })));
        await MeasureAsync("The group starts on all silos", () => Task.WhenAll(_hosts.Select(host => ConsumerOn(host).StartAsync())), silos);
        foreach (var host in _hosts)
        {
            Runtime(host)!.Client.ConsumerIdsChanged += _ => _counts.Add(Notice);
        }

        await UntilQuietAsync();
        await SteadyAsync();
        await MeasureAsync(Leaves, () => ConsumerOn(_hosts[^1]).StopAsync(), silos - 1);
        await MeasureAsync(Joins, () => ConsumerOn(_hosts[^1]).StartAsync(), silos);
        await StatusAsync();
        await DashboardAsync();

        // Fifty silos that leave one after the other measure nothing.
        Environment.Exit(0);
        return 0;
    }

    // A start brings changes of members that follow each other for a while.
    private async Task UntilQuietAsync()
    {
        for (var before = Changes(); ; before = Changes())
        {
            await Task.Delay(2 * Quiet);
            if (Changes() == before && IsBalanced(silos))
            {
                return;
            }
        }

        (long Notices, long Starts) Changes()
        {
            var now = _counts.Now();
            return (now.GetValueOrDefault(Notice).Count, now.GetValueOrDefault("call IMessageQueueGrain.EnsureStartedAsync").Count);
        }
    }

    private async Task SteadyAsync()
    {
        var before = _counts.Now();
        var start = ProcessFigures.Now();
        await Task.Delay(window);
        var end = ProcessFigures.Now();
        var minutes = end.Since(start).TotalMinutes;
        Tell(Steady, _counts.Since(before).ToDictionary(count => count.Key, count => (count.Value.Count / minutes, count.Value.Bytes / minutes)));
        Tell(Steady, new() { ["CPU s, brokers too"] = ((end.Cpu - start.Cpu).TotalSeconds / minutes, 0), ["allocated, brokers too"] = (0, (end.Allocated - start.Allocated) / minutes) });
        using var process = Process.GetCurrentProcess();
        Tell(Steady, new() { ["working set, brokers too"] = (0, process.WorkingSet64), ["live heap, brokers too"] = (0, GC.GetTotalMemory(forceFullCollection: true)) });
    }

    /// <summary>Until all queues run where they belong, and nothing that the event brought about is under way any more.</summary>
    private async Task MeasureAsync(string name, Func<Task> act, int members)
    {
        var before = _counts.Now();
        var start = Stopwatch.GetTimestamp();
        await act();
        while (!IsBalanced(members))
        {
            if (Stopwatch.GetElapsedTime(start) > Patience)
            {
                throw new TimeoutException($"{name}: {_hosts.Sum(RunningOn)} of {queues} queues run.");
            }

            await Task.Delay(50);
        }

        var took = Stopwatch.GetElapsedTime(start);
        await Task.Delay(Quiet);
        Tell(name, _counts.Since(before).ToDictionary(count => count.Key, count => ((double)count.Value.Count, (double)count.Value.Bytes)));
        Tell(name, new() { ["seconds until all queues ran"] = (took.TotalSeconds, 0), ["seconds counted"] = (Stopwatch.GetElapsedTime(start).TotalSeconds, 0) });
    }

    private async Task StatusAsync()
    {
        var management = _hosts[0].Services.GetRequiredService<IGrainFactory>().GetGrain<IConsumerGroupManagementGrain>(Group);
        await ReadAsync(Status, async () =>
        {
            var status = await management.GetStatusAsync();
            return status.Queues.Count(queue => queue.NextPullOffset >= 0) >= queues ? 0 : throw new InvalidOperationException("A queue does not run.");
        });
    }

    private async Task DashboardAsync()
    {
        var services = _hosts[0].Services;
        var feed = new StatusFeed(
            services.GetRequiredService<IRocketMQConsumers>(),
            services.GetRequiredService<IGrainFactory>(),
            new() { RefreshInterval = TimeSpan.FromMilliseconds(250) },
            TimeProvider.System,
            NullLogger<StatusFeed>.Instance);
        await ReadAsync(Dashboard, async () =>
        {
            await Task.Delay(TimeSpan.FromMilliseconds(300));
            return (await feed.GetAsync()).Length;
        });
    }

    /// <summary>The second time, as all but the first are; what silos do anyway meanwhile is left out.</summary>
    private async Task ReadAsync(string name, Func<Task<int>> read)
    {
        await read();
        var before = _counts.Now();
        var start = Stopwatch.GetTimestamp();
        var length = await read();
        var took = Stopwatch.GetElapsedTime(start);
        Tell(name, _counts.Since(before)
            .Where(count => !count.Key.StartsWith("request", StringComparison.Ordinal) && !count.Key.EndsWith("JoinAsync", StringComparison.Ordinal))
            .ToDictionary(count => count.Key, count => ((double)count.Value.Count, (double)count.Value.Bytes)));
        Tell(name, new() { ["milliseconds"] = (took.TotalMilliseconds, 0) });
        if (length > 0)
        {
            Tell(name, new() { ["what a page gets"] = (1, length) });
        }
    }

    private bool IsBalanced(int members)
        => _hosts.Take(members).All(host => RunningOn(host) is var own && own >= queues / members && own <= (queues / members) + Topics.Length)
            && _hosts.Sum(RunningOn) == queues;

    private static int RunningOn(IHost host)
        => Runtime(host)?.Pumps.Values.Count(pump => pump.HasBegun && pump.Queue.Topic.StartsWith("scale_", StringComparison.Ordinal)) ?? 0;

    private static ConsumerGroupRuntime? Runtime(IHost host) => host.Services.GetRequiredService<ConsumerRegistry>().Find(Group);

    private static IRocketMQConsumer ConsumerOn(IHost host) => host.Services.GetRequiredService<IRocketMQConsumers>().Get(Group);

    private static void Tell(string name, Dictionary<string, (double Count, double Bytes)> counts)
    {
        foreach (var (what, count) in counts)
        {
            Console.WriteLine(FormattableString.Invariant($"{name}\t{what}\t{count.Count}\t{count.Bytes}"));
        }
    }
}
