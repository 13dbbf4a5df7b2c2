using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Engine;
using OrleansRocketMQ.Statistics;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>
/// How evenly more silos than queues share what is popped while there is always more than they can do: each silo has the same listeners,
/// which take their time. <c>pop-width --silos 16 --queues 4 --messages 100000 --threads 4 --listener 5 --out FILE</c>
/// </summary>
internal static class PopWidthBenchmark
{
    private const string Group = "benchmark_pop_width";
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    public static async Task<int> RunAsync(Arguments arguments)
    {
        var (silos, queues, messages) = (arguments.Number("silos", 16), arguments.Number("queues", 4), arguments.Number("messages", 100_000));
        var (threads, listener) = (arguments.Number("threads", 4), TimeSpan.FromMilliseconds(arguments.Number("listener", 5)));
        using var broker = arguments["nameserver"] is null ? BrokerProcess.Start() : null;
        var nameServer = arguments["nameserver"] ?? broker!.NameServer;
        var topic = FormattableString.Invariant($"width_{Environment.TickCount64}");
        var report = new ReportFile(arguments);
        report.Begin("Width of pops", $"{silos} silos in one process, {queues} queues, {messages} messages of {arguments.BodyLength} bytes that were there before; "
            + $"{threads} listeners of {listener.TotalMilliseconds:0} ms on each silo; load average at the start {ReportFile.Load()}.");
        await Suite.ReportAsync("preload", $"--nameserver={nameServer} --topic={topic} --messages={messages} --queues={queues} --body={arguments.BodyLength}");
        var open = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var consumed = new long[silos];
        var hosts = await ManySilos.StartAsync(silos, (silo, number) => silo.AddRocketMQ(rocketmq => rocketmq
            .UseNameServer(nameServer)
            .Configure(options => options.MembershipTimeout = TimeSpan.Zero)
            .AddConsumer(Group, consumer => consumer
                .Subscribe(topic)
                .Configure(options =>
                {
                    (options.AutoStart, options.ConsumeFromWhere, options.ConsumeMode) = (false, ConsumeFromWhere.FirstOffset, ConsumeMode.Pop);
                    (options.ConsumeThreadMin, options.ConsumeThreadMax) = (threads, threads);
                })
                .Handle(async (_, token) =>
                {
                    await open.Task;
                    await Task.Delay(listener, token);
                    Interlocked.Increment(ref consumed[number]);
                }))));
        await Task.WhenAll(hosts.Select(host => host.Services.GetRequiredService<IRocketMQConsumers>().Get(Group).StartAsync()));
        await UntilAsync(() => hosts.All(host => IsAtWork(host, topic)), () => $"{hosts.Count(host => IsAtWork(host, topic))} silos have work");
        var start = Stopwatch.GetTimestamp();
        open.SetResult();
        await UntilAsync(() => consumed.Sum() >= messages, () => $"{consumed.Sum()} messages are consumed");
        var elapsed = Stopwatch.GetElapsedTime(start);
        Tell(report, consumed, messages, elapsed);
        await report.WriteAsync();

        // Sixteen silos that leave one after the other measure nothing.
        Environment.Exit(0);
        return 0;
    }

    private static void Tell(ReportFile report, long[] consumed, int messages, TimeSpan elapsed)
    {
        var mean = consumed.Average();
        report.Say("| | |");
        report.Say("|---|---|");
        report.Say($"| time | {elapsed.TotalSeconds:0.0} s, {messages / elapsed.TotalSeconds:0} msg/s |");
        report.Say($"| consumed, duplicates included | {consumed.Sum()} |");
        report.Say($"| a silo's, lowest, mean, highest | {consumed.Min()}, {mean:0}, {consumed.Max()} |");
        report.Say($"| farthest from the mean | {consumed.Max(count => Math.Abs(count - mean)) / mean * 100:0.0} % |");
        report.Say($"| load average at the end | {ReportFile.Load()} |");
    }

    /// <summary>Its part has begun and holds what its listeners wait to begin with.</summary>
    private static bool IsAtWork(IHost host, string topic) => host.Services.GetRequiredService<IRocketMQSiloStatus>().Groups
        .SelectMany(group => group.Queues)
        .Any(queue => queue.Queue.Topic == topic && queue.CachedMessages > 0);

    private static async Task UntilAsync(Func<bool> condition, Func<string> progress)
    {
        var start = Stopwatch.GetTimestamp();
        while (!condition())
        {
            if (Stopwatch.GetElapsedTime(start) > Patience)
            {
                throw new TimeoutException($"Not within {Patience}: {progress()}.");
            }

            await Task.Delay(20);
        }
    }
}
