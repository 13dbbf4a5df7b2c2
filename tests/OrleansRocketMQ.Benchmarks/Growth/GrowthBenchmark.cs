namespace OrleansRocketMQ.Benchmarks;

/// <summary>
/// Whether cost grows with anything but messages: processor time of a message, warm, over the number of queues, of subscriptions (of
/// 1,000 queues in all), of silos, of keys, and over the length of bodies; a table and a picture of each. All of it takes a quarter of an hour.
/// <c>growth --svg FOLDER --out FILE</c>, a part of it with <c>--over queues,silos</c>, other points with <c>--values 1,100</c>, more lines
/// with <c>--modes concurrent-1,orderly-1</c>, a longer or shorter run with <c>--messages</c> and <c>--rounds</c>.
/// </summary>
/// <remarks>Each point has a broker and a process of its own, so that none inherits another's heap or warmed-up code.</remarks>
internal static class GrowthBenchmark
{
    private const double BytesOfGiB = 1024 * 1024 * 1024;

    public static async Task<int> RunAsync(Arguments arguments)
    {
        if (arguments["topics"] is not null)
        {
            return await new GrowthRun(arguments).RunAsync();
        }

        var all = GrowthRow.All(arguments);
        var rows = arguments["over"] is { } over
            ? over.Split(',').Select(name => all.FirstOrDefault(row => row.Over == name)
                ?? throw new RocketMQValidationException("--over", name, string.Join(", ", all.Select(row => row.Over)))).ToArray()
            : all;
        var report = new ReportFile(arguments);
        report.Begin("Cost of a message as everything else grows", Setting(arguments));
        foreach (var row in rows)
        {
            var chosen = arguments["values"] is { } values ? row with { Values = Arguments.Numbers(values) } : row;
            await MeasureAsync(chosen, arguments, report);
        }

        report.Say($"Load average at the end: {ReportFile.Load()}.");
        await report.WriteAsync();
        return 0;
    }

    private static string Setting(Arguments arguments) => FormattableString.Invariant(
        $"{arguments.Number("messages", 640_000):N0} messages of {arguments.BodyLength} bytes at each point, ")
        + $"{arguments.Number("rounds", 3)} rounds in a process of its own behind one that warms it up, the broker in another. "
        + "Median (lowest, highest).";

    private static async Task MeasureAsync(GrowthRow row, Arguments arguments, ReportFile report)
    {
        report.Say($"## Over {row.Over}");
        report.Say(string.Empty);
        var beside = row.IsOfLength ? "CPU s per GiB" : "the first of a key";
        report.Say($"| {row.Over} | | CPU s per million | {beside} | msg/s | bytes allocated beyond the body |");
        report.Say("|---|---|---|---|---|---|");
        var plot = new LinePlot($"CPU s per million messages over {row.Over}", row.Over, "CPU s per million", true, row.IsOfLength);
        foreach (var mode in Subject.All("--modes", row.Modes))
        {
            var points = new List<PlotPoint>();
            foreach (var value in row.Values)
            {
                var figures = await MeasureAsync(row.Load(value), mode, arguments);
                var cpu = new Spread(figures.Select(figure => figure.CpuPerMillion));
                points.Add(new(value, cpu.Median, cpu.Lowest, cpu.Highest));
                report.Record($"growth {row.Over} {mode.Name}", "CPU s per million", cpu, value);
                report.Say($"| {value} | {mode.Name} | {cpu} | {Beside(row, value, figures)} "
                    + FormattableString.Invariant($"| {new Spread(figures.Select(figure => figure.PerSecond)).Median:0} ")
                    + FormattableString.Invariant($"| {new Spread(figures.Select(figure => figure.Allocated)).Median:0} |"));
            }

            plot.Add(mode.Name, points);
        }

        report.Say(string.Empty);
        if (arguments["svg"] is { } folder)
        {
            await File.WriteAllTextAsync(Path.Join(folder, $"growth-{row.Over}.svg"), plot.Draw());
        }
    }

    private static string Beside(GrowthRow row, int value, GrowthFigures[] figures) => row switch
    {
        { IsOfLength: true } => new Spread(figures.Select(figure => figure.CpuPerMillion / (value * 1_000_000.0) * BytesOfGiB)).ToString(),
        _ when figures[0].CpuPerMillionFirst > 0 => new Spread(figures.Select(figure => figure.CpuPerMillionFirst)).ToString(),
        _ => "-",
    };

    private static async Task<GrowthFigures[]> MeasureAsync(GrowthLoad load, Subject mode, Arguments arguments)
    {
        using var broker = arguments["nameserver"] is null ? BrokerProcess.Start() : null;
        var nameServer = arguments["nameserver"] ?? broker!.NameServer;
        var topic = FormattableString.Invariant($"growth_{Environment.TickCount64}");
        var queues = await load.PreloadAsync(nameServer, topic);
        var printed = await Suite.PrintedAsync("growth", [
            $"--nameserver={nameServer}", $"--topic={topic}", $"--topics={load.Topics}", $"--queues={queues}", $"--silos={load.Silos}",
            $"--messages={load.All}", $"--first={load.Keys}", $"--body={load.BodyLength}",
            $"--rounds={Math.Min(load.MostRounds, arguments.Number("rounds", 3))}", .. mode.Arguments]);
        return [.. printed.Select(GrowthFigures.Parse)];
    }
}
