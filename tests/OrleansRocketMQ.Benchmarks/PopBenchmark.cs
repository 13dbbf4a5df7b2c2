using System.Globalization;
using System.Text.RegularExpressions;
using OrleansRocketMQ.Engine;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>
/// Pops beside pulls at one broker in one run, and beside Java's consumer with its group switched to pops, in both orders: each figure of
/// processor time and rate is that of a long run less a short one, latencies are at a steady rate.
/// <c>pop --short 50000 --long 250000 --rate 2000 --seconds 15 --rounds 6 --java PROGRAM --nameserver host:9876 --out FILE</c>
/// </summary>
internal static partial class PopBenchmark
{
    public static async Task<int> RunAsync(Arguments arguments)
    {
        using var broker = arguments["nameserver"] is null ? BrokerProcess.Start() : null;
        var run = new Run(arguments, arguments["nameserver"] ?? broker!.NameServer);
        var rounds = arguments.Number("rounds", 6);
        var report = new ReportFile(arguments);
        report.Begin("Pops beside pulls", $"{(broker is null ? "A broker of RocketMQ" : "The embedded broker")} and each consumer in a process of its own; {run}; {rounds} rounds, "
            + "each second one in the opposite order; load average at the start " + ReportFile.Load() + ".");
        await run.PreloadAsync();
        var contenders = Contenders(arguments["java"]);
        for (var round = 0; round < rounds; round++)
        {
            foreach (var contender in round % 2 == 0 ? contenders : contenders.Reverse())
            {
                var (warm, latency) = (await run.WarmAsync(contender), await run.LatencyAsync(contender));
                contender.Rounds.Add((warm, latency));
                report.Say($"- round {round + 1}, {contender.Name}: {warm}; p50 {latency.P50:0.00} ms, p99 {latency.P99:0.00} ms; load average {ReportFile.Load()}");
            }
        }

        Tell(report, contenders);
        await report.WriteAsync();
        return 0;
    }

    /// <summary>The first is what the others are compared with, in pairs of one round.</summary>
    private static Contender[] Contenders(string? java)
        => [new("pull", []), new("pop", ["--pop"]), .. java is null ? [] : (Contender[])[new("Java's pop", [$"--java={java}"], java)]];

    private static void Tell(ReportFile report, Contender[] contenders)
    {
        report.Say(string.Empty);
        report.Say("| median | msg/s | CPU s per million | p50 ms | p99 ms | CPU, times that of pulls in the round (lowest, highest) | rate, the same |");
        report.Say("|---|---|---|---|---|---|---|");
        foreach (var one in contenders)
        {
            var pairs = one.Rounds.Zip(contenders[0].Rounds).ToList();
            report.Say($"| {one.Name} | {Median(one, static round => round.Warm.PerSecond):0} | {Median(one, static round => round.Warm.CpuPerMillion):0.00} "
                + $"| {Median(one, static round => round.Latency.P50):0.00} | {Median(one, static round => round.Latency.P99):0.00} "
                + $"| {new Spread(pairs.Select(pair => pair.First.Warm.CpuPerMillion / pair.Second.Warm.CpuPerMillion))} "
                + $"| {new Spread(pairs.Select(pair => pair.First.Warm.PerSecond / pair.Second.Warm.PerSecond))} |");
        }

        report.Say(string.Empty);
        report.Say($"Load average at the end: {ReportFile.Load()}.");
    }

    private static double Median(Contender contender, Func<(Warm Warm, Latency Latency), double> figure)
        => new Spread(contender.Rounds.Select(figure)).Median;

    /// <summary>Who consumes: this library with some arguments, or Java's program.</summary>
    private sealed record Contender(string Name, string[] Arguments, string? Java = null)
    {
        public List<(Warm Warm, Latency Latency)> Rounds { get; } = [];
    }

    /// <summary>Of all messages of a run, in milliseconds.</summary>
    private readonly record struct Latency(double P50, double P99);

    /// <summary>What each contender does.</summary>
    private sealed class Run(Arguments arguments, string nameServer)
    {
        private readonly int _short = arguments.Number("short", 50_000);
        private readonly int _long = arguments.Number("long", 250_000);
        private readonly int _rate = arguments.Number("rate", 2000);
        private readonly int _seconds = arguments.Number("seconds", 15);
        private readonly string _topic = FormattableString.Invariant($"pop_{Environment.TickCount64}");

        public async Task PreloadAsync()
        {
            foreach (var messages in (int[])[_short, _long])
            {
                await Suite.ReportAsync("preload", Of(messages));
            }
        }

        public Task<Warm> WarmAsync(Contender contender) => Warm.MeasureAsync(_short, _long, messages => contender.Java is { } java
            ? JavaConsumer.ConsumeAsync(java, nameServer, TopicOf(messages), messages)
            : Suite.ReportAsync("consume", [.. Of(messages), .. contender.Arguments]));

        public async Task<Latency> LatencyAsync(Contender contender)
        {
            var told = await Suite.ReportAsync(
                "latency", [$"--nameserver={nameServer} --queues={arguments.Queues} --rate={_rate} --seconds={_seconds}", .. contender.Arguments]);
            var figures = Figures().Match(told);
            return figures.Success
                ? new(double.Parse(figures.Groups[1].ValueSpan, CultureInfo.InvariantCulture), double.Parse(figures.Groups[2].ValueSpan, CultureInfo.InvariantCulture))
                : throw new InvalidOperationException($"No figures in: {told}");
        }

        public override string ToString() => string.Create(
            CultureInfo.InvariantCulture,
            $"{_long:N0} less {_short:N0} messages of {arguments.BodyLength} bytes on {arguments.Queues} queues, batch 1; latency at {_rate:N0} messages a second for {_seconds} s");

        private string TopicOf(int messages) => FormattableString.Invariant($"{_topic}_{messages}");

        private string[] Of(int messages)
            => [$"--nameserver={nameServer}", $"--topic={TopicOf(messages)}", $"--messages={messages}", $"--queues={arguments.Queues}", $"--body={arguments.BodyLength}"];
    }

    [GeneratedRegex(@"p50 ([\d.]+) ms \| p99 ([\d.]+) ms")]
    private static partial Regex Figures();
}
