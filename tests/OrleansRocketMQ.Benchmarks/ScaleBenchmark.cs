using System.Globalization;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>
/// What goes over the wire and between silos as a cluster grows, counted for each event: a steady minute, a silo that leaves and joins, a
/// status. Each size in a process of its own; those that <c>--rows</c> has from a run that was broken off are not measured again.
/// <c>scale --sizes 5x1000,50x10000 --seconds 60 --rows FILE --svg FOLDER --out FILE</c>
/// </summary>
internal static class ScaleBenchmark
{
    public static async Task<int> RunAsync(Arguments arguments)
    {
        if (arguments["silos"] is not null)
        {
            return await new ScaleRun(arguments.Number("silos", 5), arguments.Queues, TimeSpan.FromSeconds(arguments.Number("seconds", 60))).RunAsync();
        }

        var sizes = (arguments["sizes"] ?? "5x1000,10x2000,25x5000,50x2000,50x10000").Split(',').Select(Size.Parse).ToArray();
        var seconds = arguments.Number("seconds", 60);
        var report = new ReportFile(arguments);
        report.Begin(
            "A cluster that grows",
            $"All silos in one process, with two embedded brokers; one group, no messages. A steady time of {seconds} s, by the minute; a silo that leaves "
                + "the group and joins it again; a status. Requests are those of clients to brokers and name server, with the bytes of their frames; calls are "
                + "those of grains; messages are those of Orleans between silos.");
        var file = arguments["rows"];
        List<string> rows = file is not null && File.Exists(file) ? [.. await File.ReadAllLinesAsync(file)] : [];
        foreach (var size in sizes.Where(size => !rows.Any(row => row.StartsWith($"{size}\t", StringComparison.Ordinal))))
        {
            string[] measured = [.. Measure(size, seconds)];
            rows.AddRange(measured);
            if (file is not null)
            {
                await File.AppendAllLinesAsync(file, measured);
            }

            await Console.Error.WriteLineAsync($"{size} is measured, load average {ReportFile.Load()}");
        }

        var events = rows.Select(row => ScaleEvent.Parse(row.Split('\t'))).Where(row => sizes.Contains(row.Size)).ToList();

        foreach (var happening in events.GroupBy(row => row.Name))
        {
            Tell(report, happening.Key, sizes, [.. happening]);
        }

        report.Say($"Load average at the end: {ReportFile.Load()}.");
        await report.WriteAsync();
        if (arguments["svg"] is { } folder)
        {
            await ScalePlots.DrawAsync(folder, events);
        }

        return 0;
    }

    private static IEnumerable<string> Measure(Size size, int seconds)
    {
        using var process = Suite.Spawn("scale", redirect: true, $"--silos={size.Silos} --queues={size.Queues} --seconds={seconds}");
        var told = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0
            ? told.Split('\n').Where(line => line.Split('\t').Length == 4).Select(line => $"{size}\t{line}")
            : throw new InvalidOperationException($"{size} ended with {process.ExitCode}: {told}");
    }

    private static void Tell(ReportFile report, string name, Size[] sizes, ScaleEvent[] rows)
    {
        report.Say($"## {name}");
        report.Say(string.Empty);
        report.Say($"| silos x queues | {string.Join(" | ", sizes.Select(size => $"{size}"))} |");
        report.Say($"|---{string.Concat(Enumerable.Repeat("|---", sizes.Length))}|");
        foreach (var what in rows.GroupBy(row => row.What).OrderBy(what => what.Key, StringComparer.Ordinal))
        {
            report.Say($"| {what.Key} | {string.Join(" | ", sizes.Select(size => Words(what.FirstOrDefault(row => row.Size == size))))} |");
        }

        report.Say(string.Empty);
    }

    private static string Words(ScaleEvent? row) => row switch
    {
        null => "0",
        { Bytes: > 0 } => FormattableString.Invariant($"{row.Count:0.##}, {row.Bytes / 1024:0.#} KiB"),
        _ => FormattableString.Invariant($"{row.Count:0.##}"),
    };
}

/// <summary>How large a cluster is.</summary>
internal readonly record struct Size(int Silos, int Queues)
{
    public static Size Parse(string text)
    {
        var parts = text.Split('x');
        return new(int.Parse(parts[0], CultureInfo.InvariantCulture), int.Parse(parts[1], CultureInfo.InvariantCulture));
    }

    public override string ToString() => FormattableString.Invariant($"{Silos}x{Queues}");
}

/// <summary>How often something happened, and how many bytes that were; zero where they are not counted.</summary>
internal sealed record ScaleEvent(Size Size, string Name, string What, double Count, double Bytes)
{
    public static ScaleEvent Parse(string[] row) => new(
        Size.Parse(row[0]), row[1], row[2], double.Parse(row[3], CultureInfo.InvariantCulture), double.Parse(row[4], CultureInfo.InvariantCulture));
}
