using System.Globalization;
using OrleansRocketMQ.Engine;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>
/// Compares two revisions of the repository in pairs, in both orders. Each figure is the difference of a long run and a short one,
/// so that start-up and compilation are in neither.
/// <c>compare --base v0.2.0 --head HEAD --mode concurrent --batch 1 --short 500000 --long 2000000 --pairs 10 --out FILE</c>
/// </summary>
/// <remarks>Ends with 1 when the head is more than 5 % worse, in processor time or rate, in two measurements on end.</remarks>
internal static class CompareBenchmark
{
    private const double Tolerance = 0.05;

    public static async Task<int> RunAsync(Arguments arguments)
    {
        var load = new Load(arguments);
        using var before = await Revision.BuildAsync(arguments["base"] ?? "v0.2.0");
        using var after = await Revision.BuildAsync(arguments["head"] ?? "HEAD");
        using var broker = arguments["nameserver"] is null ? BrokerProcess.Start() : null;
        load.NameServer = arguments["nameserver"] ?? broker!.NameServer;
        await load.PreloadAsync(after);
        var lines = new List<string>
        {
            FormattableString.Invariant($"# {after.Name} ({after.Commit}) beside {before.Name} ({before.Commit})"),
            string.Empty,
            string.Create(
                CultureInfo.InvariantCulture,
                $"{DateTime.UtcNow:yyyy-MM-dd HH:mm} UTC, {Environment.ProcessorCount} cores, .NET {Environment.Version}, "
                + $"{arguments["note"] ?? "nothing else noted"}. {load}."),
            string.Empty,
        };
        var worse = await MeasureAsync(before, after, load, lines) && await MeasureAsync(before, after, load, lines);
        lines.Add(worse ? "More than 5 % worse, twice." : "Not more than 5 % worse twice.");
        lines.ForEach(Console.WriteLine);
        if (arguments["out"] is { } file)
        {
            await File.WriteAllLinesAsync(file, lines);
        }

        return worse ? 1 : 0;
    }

    /// <summary>One measurement of all pairs; whether the head is worse.</summary>
    private static async Task<bool> MeasureAsync(Revision before, Revision after, Load load, List<string> lines)
    {
        var pairs = new List<(Warm Before, Warm After)>();
        for (var pair = 0; pair < load.Pairs; pair++)
        {
            if (pair % 2 == 0)
            {
                var first = await load.WarmAsync(before);
                pairs.Add((first, await load.WarmAsync(after)));
            }
            else
            {
                var first = await load.WarmAsync(after);
                pairs.Add((await load.WarmAsync(before), first));
            }

            Console.WriteLine($"pair {pair + 1}: before {pairs[^1].Before}, after {pairs[^1].After}");
        }

        var cpu = new Spread(pairs.Select(pair => pair.After.CpuPerMillion / pair.Before.CpuPerMillion));
        var rate = new Spread(pairs.Select(pair => pair.After.PerSecond / pair.Before.PerSecond));
        lines.Add("| | before, median | after, median | after / before, median (lowest, highest of the pairs) |");
        lines.Add("|---|---|---|---|");
        var (cpuBefore, cpuAfter) = Medians(pairs, warm => warm.CpuPerMillion);
        var (rateBefore, rateAfter) = Medians(pairs, warm => warm.PerSecond);
        lines.Add(FormattableString.Invariant($"| CPU s per million | {cpuBefore:0.00} | {cpuAfter:0.00} | {cpu} |"));
        lines.Add(FormattableString.Invariant($"| messages a second | {rateBefore:0} | {rateAfter:0} | {rate} |"));
        lines.Add(string.Empty);
        return cpu.Median > 1 + Tolerance || rate.Median < 1 - Tolerance;
    }

    private static (double Before, double After) Medians(List<(Warm Before, Warm After)> pairs, Func<Warm, double> figure)
        => (new Spread(pairs.Select(pair => figure(pair.Before))).Median, new Spread(pairs.Select(pair => figure(pair.After))).Median);

    /// <summary>What is consumed, and how.</summary>
    private sealed class Load(Arguments arguments)
    {
        private readonly int _short = arguments.Number("short", 500_000);
        private readonly int _long = arguments.Number("long", 2_000_000);
        private readonly string _command = arguments["command"] ?? "consume";
        private readonly string _mode = arguments["mode"] ?? "concurrent";
        private readonly int _batch = arguments.Number("batch", 1);
        private readonly string _topic = FormattableString.Invariant($"compare_{Environment.TickCount64}");

        public string NameServer { get; set; } = string.Empty;

        public int Pairs { get; } = arguments.Number("pairs", 10);

        public async Task PreloadAsync(Revision revision)
        {
            foreach (var messages in (int[])[_short, _long])
            {
                var keys = _mode == "keyed" ? arguments.Number("keys", 1000) : 0;
                await revision.ReportAsync(["preload", .. Of(messages), $"--keys={keys}"]);
            }
        }

        public Task<Warm> WarmAsync(Revision revision) => Warm.MeasureAsync(
            _short, _long, messages => revision.ReportAsync([_command, .. Of(messages), $"--mode={_mode}", $"--batch={_batch}"]));

        public override string ToString() => string.Create(
            CultureInfo.InvariantCulture,
            $"`{_command}` {_mode}, batch {_batch}, {_long:N0} less {_short:N0} messages of {arguments.BodyLength} bytes "
            + $"on {arguments.Queues} queues, {Pairs} pairs in both orders");

        private string[] Of(int messages)
            =>
            [
                $"--nameserver={NameServer}", $"--topic={_topic}_{messages}", $"--messages={messages}",
                $"--queues={arguments.Queues}", $"--body={arguments.BodyLength}",
            ];
    }
}
