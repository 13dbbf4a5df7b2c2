using System.Diagnostics;
using System.Globalization;
using OrleansRocketMQ.Engine;
using OrleansRocketMQ.Testing;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>
/// From the start of a published silo-host to its first message consumed, in pairs of two folders, in both orders:
/// <c>start --base FOLDER --head FOLDER --pairs 10</c>. The host sends that message itself, to a broker in another process, and ends.
/// </summary>
internal static class StartBenchmark
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    public static async Task<int> RunAsync(Arguments arguments)
    {
        var folders = new[] { Folder(arguments, "base"), Folder(arguments, "head") };
        var pairs = arguments.Number("pairs", 10);
        using var broker = BrokerProcess.Start();
        var report = new ReportFile(arguments);
        report.Begin(
            "Start of silo-host",
            $"From the start of the process to its first message consumed. Before: `{folders[0]}`, after: `{folders[1]}`; {pairs} pairs in both orders.");

        // Once for what the file system's cache, and the topic, have to do with it.
        foreach (var folder in folders)
        {
            await StartAsync(folder, broker.NameServer);
        }

        var runs = new List<(Start Before, Start After)>();
        for (var pair = 0; pair < pairs; pair++)
        {
            var afterFirst = pair % 2 == 1;
            var first = await StartAsync(folders[afterFirst ? 1 : 0], broker.NameServer);
            var second = await StartAsync(folders[afterFirst ? 0 : 1], broker.NameServer);
            runs.Add(afterFirst ? (second, first) : (first, second));
            report.Say($"- pair {pair + 1}: before {runs[^1].Before}, after {runs[^1].After}; load average {ReportFile.Load()}");
        }

        report.Say(string.Empty);
        report.Say("| | before, median (lowest, highest) | after | after / before, median (lowest, highest of the pairs) |");
        report.Say("|---|---|---|---|");
        Row(report, runs, "start to first message, s", start => start.Seconds);
        Row(report, runs, "CPU s until its end", start => start.CpuSeconds);
        Row(report, runs, "of them compiling, s", start => start.CompileSeconds);
        Row(report, runs, "methods compiled", start => start.Methods);
        await report.WriteAsync();
        return 0;
    }

    private static string Folder(Arguments arguments, string name)
        => arguments[name] is { } folder && File.Exists(Path.Combine(folder, "silo-host.dll"))
            ? Path.GetFullPath(folder)
            : throw new RocketMQValidationException($"--{name}", arguments[name], "a folder that \"dotnet publish silo-host -o\" has made");

    private static void Row(ReportFile report, List<(Start Before, Start After)> runs, string what, Func<Start, double> figure)
    {
        var before = new Spread(runs.Select(run => figure(run.Before)));
        var after = new Spread(runs.Select(run => figure(run.After)));
        var ratio = new Spread(runs.Select(run => figure(run.After) / figure(run.Before)));
        report.Say($"| {what} | {before} | {after} | {ratio} |");
    }

    private static async Task<Start> StartAsync(string folder, string nameServer)
    {
        var ports = FreePorts.Take(2);
        var info = new ProcessStartInfo(
            Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet",
            [
                Path.Combine(folder, "silo-host.dll"), "--Demo:Messages=1", $"--RocketMQ:NameServer={nameServer}", "--Urls=http://127.0.0.1:0",
                $"--Orleans:Endpoints:SiloPort={ports[0]}", $"--Orleans:Endpoints:GatewayPort={ports[1]}",
            ])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        info.Environment["DOTNET_STARTUP_HOOKS"] = typeof(StartBenchmark).Assembly.Location;
        var begin = Stopwatch.GetTimestamp();
        using var process = Process.Start(info)!;
        var errors = process.StandardError.ReadToEndAsync();
        TimeSpan? consumed = null;
        while (await process.StandardOutput.ReadLineAsync().WaitAsync(Patience) is { } line)
        {
            if (line.StartsWith("consumed 1 of 1, 0 lost", StringComparison.Ordinal))
            {
                consumed = Stopwatch.GetElapsedTime(begin);
            }
        }

        await process.WaitForExitAsync().WaitAsync(Patience);
        var told = await errors;
        var used = told.Split('\n').LastOrDefault(line => line.StartsWith(StartupHook.Marker, StringComparison.Ordinal));
        if (consumed is not { } took || used is null)
        {
            throw new InvalidOperationException($"silo-host in {folder} ended with {process.ExitCode} and without its message: {told}");
        }

        var figures = used[StartupHook.Marker.Length..].Split(' ').Select(figure => double.Parse(figure, CultureInfo.InvariantCulture)).ToArray();
        return new(took.TotalSeconds, figures[0], figures[1], figures[2]);
    }

    /// <summary>One start.</summary>
    /// <param name="Seconds">From the start of the process to its first message consumed.</param>
    /// <param name="CpuSeconds">What it used until its end.</param>
    /// <param name="CompileSeconds">How long methods were compiled, by the clock of the thread that waited for each.</param>
    /// <param name="Methods">How many.</param>
    private readonly record struct Start(double Seconds, double CpuSeconds, double CompileSeconds, double Methods)
    {
        public override string ToString()
            => FormattableString.Invariant($"{Seconds:0.00} s, {CpuSeconds:0.00} CPU s, compiling {CompileSeconds:0.00} s, {Methods:0} methods");
    }
}
