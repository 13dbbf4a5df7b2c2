using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.Statistics;
using OrleansRocketMQ.Testing;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>
/// What goes to two brokers while a third refuses, is silent or answers after 10 s, against a run beside it without the
/// fault. A silo consumes from all three; producers send to each at a steady rate. The time that counts begins with the
/// fault, so it holds the change and what comes after it; afterwards another silo is started beside the fault.
/// <c>--rounds 5 --seconds 10 --rate 1000 --out FILE</c>, with <c>--kind silent</c> one of the three alone.
/// </summary>
internal static class FaultsBenchmark
{
    private const int MostUnderWay = 20_000;

    // The brokers' process is a new one each time.
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan LongestStart = TimeSpan.FromMinutes(2);

    public static async Task<int> RunAsync(Arguments arguments)
    {
        var load = new Load(arguments.Number("rate", 1000), arguments.Number("seconds", 10));
        var rounds = arguments.Number("rounds", 5);
        var report = new ReportFile(arguments);
        report.Begin("One of three brokers fails", $"Name server and three brokers in one process, silo and producers in another; {FaultsBrokers.QueuesPerBroker} queues on each broker, "
            + $"{load.Rate} messages of {FaultsWatch.BodyLength} bytes a second to each; {load.Seconds} s from the fault on. Pairs in turn with the fault second and first; medians of {rounds}.");

        // Every path that is measured has been compiled before.
        await MeasureAsync(kind: null, load with { Seconds = 3 });
        var table = new List<string>();
        var holds = true;
        foreach (var kind in FaultsBrokers.Kinds.Where(kind => arguments["kind"] is not { } only || kind == only))
        {
            await MeasureAsync(kind, load with { Seconds = 3 });
            var pairs = new List<(FaultFigures Without, FaultFigures With)>();
            for (var round = 1; round <= rounds; round++)
            {
                var isFaultFirst = round % 2 == 0;
                var first = await MeasureAsync(isFaultFirst ? kind : null, load);
                var second = await MeasureAsync(isFaultFirst ? null : kind, load);
                var (without, with) = isFaultFirst ? (second, first) : (first, second);
                report.Say($"- {kind}, pair {round}, {(isFaultFirst ? "with the fault first" : "with the fault second")}: without {without}; with {with}; load average {ReportFile.Load()}");
                pairs.Add((without, with));
            }

            holds &= Judge(kind, pairs, table);
        }

        report.Say(string.Empty);
        report.Say("| the third broker | throughput at the others | p99 of sends | p99 from send to listener | start of a silo: without, with | missing | |");
        report.Say("|---|---|---|---|---|---|---|");
        table.ForEach(report.Say);
        await report.WriteAsync();
        return holds ? 0 : 1;
    }

    private static bool Judge(string kind, List<(FaultFigures Without, FaultFigures With)> pairs, List<string> table)
    {
        var throughput = ReportFile.Median(pairs.Select(pair => pair.With.PerSecond / pair.Without.PerSecond));
        var sends = ReportFile.Median(pairs.Select(pair => pair.With.SendP99 / pair.Without.SendP99));
        var deliveries = ReportFile.Median(pairs.Select(pair => pair.With.DeliveryP99 / pair.Without.DeliveryP99));
        var missing = pairs.Sum(pair => pair.With.Missing);
        var holds = throughput >= 0.9 && sends <= 2 && deliveries <= 2 && missing == 0;
        var (without, with) = (ReportFile.Median(pairs.Select(pair => pair.Without.StartSeconds)), ReportFile.Median(pairs.Select(pair => pair.With.StartSeconds)));
        table.Add(FormattableString.Invariant(
            $"| {kind} | {throughput * 100:0} % | x {sends:0.00} | x {deliveries:0.00} | {without:0.00} s, {with:0.00} s | {missing} | {(holds ? "holds" : "DOES NOT HOLD")} |"));
        return holds;
    }

    private static async Task<FaultFigures> MeasureAsync(string? kind, Load load)
    {
        // What an earlier run has left is collected before this one and not within it.
        GC.Collect();
        using var brokers = FaultsBrokers.Start();
        var watch = new FaultsWatch();
        await using var client = Cluster.Connect(brokers.NameServer);
        await using var producer = new Producer(client, new ProducerOptions { Group = "faults" }, NullLoggerFactory.Instance);
        var queues = await producer.GetQueuesAsync(FaultsBrokers.Topic);
        using var stopping = new CancellationTokenSource();
        Task senders;
        using (var host = BuildSilo(brokers.NameServer, watch))
        {
            await host.StartAsync();
            var status = host.Services.GetRequiredService<IRocketMQSiloStatus>();
            await UntilAsync(() => status.Groups.Any(group => group.IsReady), LongestStart);
            senders = Task.WhenAll(queues.GroupBy(queue => queue.BrokerName).Select(group => SendAsync(producer, [.. group], load.Rate, watch, stopping.Token)));
            await Task.Delay(WarmUp);
            if (kind is not null)
            {
                brokers.Begin(kind);
            }

            watch.Begin();
            await Task.Delay(TimeSpan.FromSeconds(load.Seconds));
            watch.End();
            await UntilAsync(() => watch.IsComplete, Patience);
            await host.StopAsync();
        }

        var start = await MeasureStartAsync(brokers.NameServer, watch, queues.Count(queue => queue.BrokerName != FaultsBrokers.Faulty));
        brokers.Clear();
        await stopping.CancelAsync();
        await senders;
        return watch.Figures(start);
    }

    /// <summary>From the start of a silo to the first message of the last queue of the healthy brokers.</summary>
    private static async Task<double> MeasureStartAsync(string nameServer, FaultsWatch watch, int queues)
    {
        using var host = BuildSilo(nameServer, watch);
        var seen = watch.WhenQueuesSeen(queues);
        var start = Stopwatch.GetTimestamp();
        await host.StartAsync();
        await seen.WaitAsync(LongestStart);
        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        await host.StopAsync();
        return seconds;
    }

    private static async Task UntilAsync(Func<bool> condition, TimeSpan longest)
    {
        for (var start = Stopwatch.GetTimestamp(); !condition() && Stopwatch.GetElapsedTime(start) < longest;)
        {
            await Task.Delay(10);
        }
    }

    /// <summary>One message after the other is due; each is sent at its time, whether those before have been answered or not.</summary>
    private static async Task SendAsync(Producer producer, MessageQueue[] queues, int rate, FaultsWatch watch, CancellationToken stopping)
    {
        var isHealthy = queues[0].BrokerName != FaultsBrokers.Faulty;
        var start = Stopwatch.GetTimestamp();
        var underWay = new UnderWay();
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(1));
        for (var sent = 0L; !stopping.IsCancellationRequested; await timer.WaitForNextTickAsync(CancellationToken.None))
        {
            for (var due = (long)(Stopwatch.GetElapsedTime(start).TotalSeconds * rate); sent < due; sent++)
            {
                var queue = queues[sent % queues.Length];
                var body = watch.Body(isHealthy ? queue.GetHashCode() & int.MaxValue : null, out var begun);
                if (underWay.TryEnter())
                {
                    _ = SendOneAsync(producer, queue, body, begun, isHealthy ? watch : null, underWay);
                }
            }
        }

        await UntilAsync(() => underWay.IsEmpty, Patience);
    }

    private static async Task SendOneAsync(Producer producer, MessageQueue queue, byte[] body, long begun, FaultsWatch? watch, UnderWay underWay)
    {
        try
        {
            await producer.SendAsync(new Message(FaultsBrokers.Topic, body), queue);
            watch?.Sent(begun);
        }
        catch (RocketMQException)
        {
            // What the faulty broker does not take is not measured; what a healthy one does not take is missing in its figures.
        }
        finally
        {
            underWay.Leave();
        }
    }

    private static IHost BuildSilo(string nameServer, FaultsWatch watch)
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton(watch);
        var ports = FreePorts.Take(2);
        builder.UseOrleans(silo => silo
            .UseLocalhostClustering(ports[0], ports[1])
            .AddRocketMQ(rocketmq => rocketmq
                .UseNameServer(nameServer)
                .AddConsumer<FaultsListener>("faults", consumer => consumer
                    .Subscribe(FaultsBrokers.Topic)
                    .Configure(options => options.ConsumeFromWhere = ConsumeFromWhere.FirstOffset))));
        return builder.Build();
    }

    /// <param name="Rate">Messages a second to each broker.</param>
    /// <param name="Seconds">How long is measured.</param>
    private readonly record struct Load(int Rate, int Seconds);

    /// <summary>Sends that wait for their answers, no more than memory bears.</summary>
    private sealed class UnderWay
    {
        private int _count;

        public bool IsEmpty => Volatile.Read(ref _count) == 0;

        public bool TryEnter()
        {
            if (Interlocked.Increment(ref _count) <= MostUnderWay)
            {
                return true;
            }

            Interlocked.Decrement(ref _count);
            return false;
        }

        public void Leave() => Interlocked.Decrement(ref _count);
    }
}
