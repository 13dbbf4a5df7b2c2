using System.Globalization;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>
/// Whether cost grows with anything but messages: processor time per message, warm, over the number of queues or of keys, or the length
/// of bodies. <c>growth --over queues --values 1,10,100,1000 --modes concurrent-1,orderly-1 --rounds 3 --svg FILE --out FILE</c>
/// </summary>
internal static class GrowthBenchmark
{
    // A run is to take about as long at each length of body.
    private const long LongestLoad = 2_000_000_000;

    public static async Task<int> RunAsync(Arguments arguments)
    {
        var over = arguments["over"] ?? "queues";
        int[] values = [.. (arguments["values"] ?? "1,10,100,1000").Split(',').Select(value => int.Parse(value, CultureInfo.InvariantCulture))];
        var modes = arguments["modes"] ?? "concurrent-1";
        var rounds = arguments.Number("rounds", 3);
        var (shortRun, longRun) = (arguments.Number("short", 200_000), arguments.Number("long", 800_000));
        var rows = values.ToDictionary(value => value, _ => Subject.All("--modes", modes));
        using var broker = arguments["nameserver"] is null ? BrokerProcess.Start() : null;
        var nameServer = $"--nameserver={arguments["nameserver"] ?? broker!.NameServer}";
        foreach (var value in values)
        {
            await Suite.ReportAsync("preload", [nameServer, .. Load(value), $"--messages={Scaled(value, longRun)}"]);
        }

        for (var round = 0; round < rounds; round++)
        {
            foreach (var value in round % 2 == 0 ? values : values.Reverse())
            {
                foreach (var subject in rows[value])
                {
                    subject.Rounds.Add(await Warm.MeasureAsync(
                        Scaled(value, shortRun), Scaled(value, longRun),
                        messages => Suite.ReportAsync(subject.Command, [nameServer, .. Load(value), $"--messages={messages}", .. subject.Arguments])));
                    Console.WriteLine($"round {round + 1}, load average {ReportFile.Load()}: {value} {over}, {subject.Name}: {subject.Rounds[^1]}");
                }
            }
        }

        await SayAsync(arguments, over, values, rows, rounds);
        return 0;

        int Scaled(int value, int messages)
            => over == "bytes" ? (int)Math.Min(messages, Math.Max(messages / 50, LongestLoad / value * messages / longRun)) : messages;

        string[] Load(int value) => over switch
        {
            "queues" => [$"--topic=growth_q{value}", $"--queues={value}", $"--body={arguments.BodyLength}"],
            "keys" => [$"--topic=growth_k{value}", $"--queues={arguments.Queues}", $"--keys={value}", $"--body={arguments.BodyLength}"],
            "bytes" => [$"--topic=growth_b{value}", $"--queues={arguments.Queues}", $"--body={value}"],
            _ => throw new RocketMQValidationException("--over", over, "queues, keys or bytes"),
        };
    }

    private static async Task SayAsync(Arguments arguments, string over, int[] values, Dictionary<int, Subject[]> rows, int rounds)
    {
        var report = new ReportFile(arguments);
        report.Begin($"Cost of a message over the number of {over}", $"{rounds} rounds in both orders; CPU s per million messages, warm, median (lowest, highest).");
        report.Say($"| {over} | {string.Join(" | ", rows[values[0]].Select(subject => subject.Name))} |");
        report.Say($"|---{string.Concat(Enumerable.Repeat("|---", rows[values[0]].Length))}|");
        var plot = new LinePlot($"CPU s per million messages over {over}", over, "CPU s per million", isXLogarithmic: true);
        foreach (var value in values)
        {
            var spreads = rows[value].Select(subject => (subject.Name, Cpu: new Spread(subject.Rounds.Select(warm => warm.CpuPerMillion)))).ToArray();
            report.Say($"| {value} | {string.Join(" | ", spreads.Select(spread => spread.Cpu.ToString()))} |");
            foreach (var (name, cpu) in spreads)
            {
                report.Record($"growth {over} {name}", "CPU s per million", cpu, value);
            }
        }

        for (var index = 0; index < rows[values[0]].Length; index++)
        {
            plot.Add(rows[values[0]][index].Name, values.Select(value => PointOf(value, rows[value][index])));
        }

        if (arguments["svg"] is { } file)
        {
            await File.WriteAllTextAsync(file, plot.Draw());
        }

        await report.WriteAsync();
    }

    private static PlotPoint PointOf(int value, Subject subject)
    {
        var cpu = new Spread(subject.Rounds.Select(warm => warm.CpuPerMillion));
        return new(value, cpu.Median, cpu.Lowest, cpu.Highest);
    }
}
