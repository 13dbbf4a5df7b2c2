using System.Globalization;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>
/// How much more processor time than a bare socket a pull takes, and what is built on it: each in a process of its own, in
/// rounds of both orders, warm. <c>ceiling --short 1000000 --long 4000000 --rounds 6 --beside pull,concurrent-32,orderly-1 --out FILE</c>
/// </summary>
internal static class CeilingBenchmark
{
    public static async Task<int> RunAsync(Arguments arguments)
    {
        var shortRun = arguments.Number("short", 1_000_000);
        var longRun = arguments.Number("long", 4_000_000);
        var rounds = arguments.Number("rounds", 6);
        Subject[] subjects =
        [
            new("socket", "socket", []),
            new("floor", "socket", ["--floor"]),
            .. Subject.All("--beside", arguments["beside"] ?? "pull"),
        ];
        using var broker = arguments["nameserver"] is null ? BrokerProcess.Start() : null;
        var nameServer = $"--nameserver={arguments["nameserver"] ?? broker!.NameServer}";
        string[] load = [nameServer, $"--topic=ceiling_{Environment.TickCount64}", $"--body={arguments.BodyLength}"];
        await Suite.ReportAsync("preload", [.. load, $"--messages={longRun}", $"--queues={arguments.Queues}", $"--keys={arguments.Number("keys", 0)}"]);

        var report = new ReportFile(arguments);
        report.Begin("As a multiple of the bare socket", string.Create(
            CultureInfo.InvariantCulture,
            $"{longRun:N0} less {shortRun:N0} messages of {arguments.BodyLength} bytes on {arguments.Queues} queues, "
            + $"{rounds} rounds in both orders, {(broker is null ? "a broker beside it" : "the embedded broker in a process of its own")}."));
        for (var round = 0; round < rounds; round++)
        {
            foreach (var subject in round % 2 == 0 ? subjects : subjects.Reverse())
            {
                subject.Rounds.Add(await Warm.MeasureAsync(
                    shortRun, longRun, messages => Suite.ReportAsync(subject.Command, [.. load, $"--messages={messages}", .. subject.Arguments])));
                Console.WriteLine($"round {round + 1}, load average {ReportFile.Load()}: {subject.Name}: {subject.Rounds[^1]}");
            }
        }

        report.Say("| | CPU s per million, median (lowest, highest) | times the socket of the same round | messages a second, median |");
        report.Say("|---|---|---|---|");
        foreach (var subject in subjects)
        {
            var cpu = new Spread(subject.Rounds.Select(warm => warm.CpuPerMillion));
            var multiple = new Spread(subject.Rounds.Zip(subjects[0].Rounds, (warm, socket) => warm.CpuPerMillion / socket.CpuPerMillion));
            var rate = new Spread(subject.Rounds.Select(warm => warm.PerSecond));
            report.Say($"| {subject.Name} | {cpu} | {multiple} | {rate.Median:0} |");
            report.Record($"ceiling {subject.Name}", "CPU s per million", cpu);
            report.Record($"ceiling {subject.Name}", "times the socket", multiple);
        }

        await report.WriteAsync();
        return 0;
    }
}
