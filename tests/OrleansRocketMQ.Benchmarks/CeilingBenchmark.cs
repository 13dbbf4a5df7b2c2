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
        var subjects = Subject.All(arguments["beside"] ?? "pull");
        using var broker = arguments["nameserver"] is null ? BrokerProcess.Start() : null;
        var nameServer = $"--nameserver={arguments["nameserver"] ?? broker!.NameServer}";
        string[] load = [nameServer, $"--topic=ceiling_{Environment.TickCount64}", $"--body={arguments.BodyLength}"];
        await ReportAsync("preload", [.. load, $"--messages={longRun}", $"--queues={arguments.Queues}", $"--keys={arguments.Number("keys", 0)}"]);

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
                    shortRun, longRun, messages => ReportAsync(subject.Command, [.. load, $"--messages={messages}", .. subject.Arguments])));
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
        }

        await report.WriteAsync();
        return 0;
    }

    private static async Task<string> ReportAsync(string command, params string[] arguments)
    {
        using var process = Suite.Spawn(command, redirect: true, arguments);
        var printed = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0
            ? printed.Trim().Split('\n')[^1]
            : throw new InvalidOperationException($"{command} ended with {process.ExitCode}: {printed}");
    }

    /// <summary>What is measured, by name: a pull, or a mode and how many messages a listener gets at once.</summary>
    private sealed record Subject(string Name, string Command, string[] Arguments)
    {
        public List<Warm> Rounds { get; } = [];

        public static Subject[] All(string names) =>
        [
            new("socket", "socket", []),
            new("floor", "socket", ["--floor"]),
            .. names.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(Of),
        ];

        private static Subject Of(string name) => name.Split('-') switch
        {
            ["pull"] => new(name, "pull", []),
            ["pull", "signed"] => new(name, "pull", ["--signed"]),
            [var mode, var batch] => new(name, "consume", [$"--mode={mode}", $"--batch={batch}"]),
            _ => throw new RocketMQValidationException("--beside", name, "pull, pull-signed, or a mode and a batch such as concurrent-32"),
        };
    }
}
