using System.Globalization;
using System.Text.RegularExpressions;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>
/// Bytes allocated for a message beyond its body, each way of consuming in a process of its own, warm: what a long run takes
/// beyond a short one. <c>allocations --short 100000 --long 400000 --rounds 2 --of pull,concurrent-1,keyed-1 --out FILE</c>
/// </summary>
/// <remarks>Leased messages allocate no body, so their figure is below zero: the body's length is to be added. Unlike times, these hold on a machine that others use, too. <c>--types</c> also tells of which types they are.</remarks>
internal static partial class AllocationsBenchmark
{
    private const string Everything = "pull,concurrent-1,concurrent-32,leased-1,leased-32,orderly-1,keyed-1,concurrent-1-metrics,keyed-1-metrics";

    public static async Task<int> RunAsync(Arguments arguments)
    {
        var shortRun = arguments.Number("short", 100_000);
        var longRun = arguments.Number("long", 400_000);
        var keys = arguments.Number("keys", 1_000);
        var subjects = Subject.All("--of", arguments["of"] ?? Everything);
        using var broker = arguments["nameserver"] is null ? BrokerProcess.Start() : null;
        var nameServer = $"--nameserver={arguments["nameserver"] ?? broker!.NameServer}";
        string[] load = [nameServer, "--topic=benchmark", $"--body={arguments.BodyLength}"];
        await Suite.ReportAsync("preload", [.. load, $"--messages={longRun}", $"--queues={arguments.Queues}", $"--keys={keys}"]);

        var report = new ReportFile(arguments);
        report.Begin("Bytes allocated for a message beyond its body", string.Create(
            CultureInfo.InvariantCulture,
            $"{longRun:N0} less {shortRun:N0} messages of {arguments.BodyLength} bytes on {arguments.Queues} queues, {keys:N0} keys."));
        report.Say("| | bytes, by rounds |");
        report.Say("|---|---|");
        foreach (var subject in subjects)
        {
            var rounds = new List<string>();
            for (var round = 0; round < arguments.Number("rounds", 2); round++)
            {
                rounds.Add(FormattableString.Invariant($"{await MeasureAsync(subject):0}"));
            }

            report.Say($"| {subject.Name} | {string.Join(", ", rounds)} |");
            if (arguments["types"] is not null)
            {
                await SayTypesAsync(subject);
            }
        }

        await report.WriteAsync();
        return 0;

        async Task<double> MeasureAsync(Subject subject)
        {
            var beyondShort = Read(await RunOnceAsync(subject, shortRun)) * shortRun;
            var beyondLong = Read(await RunOnceAsync(subject, longRun)) * longRun;
            return (beyondLong - beyondShort) / (longRun - shortRun);
        }

        async Task SayTypesAsync(Subject subject)
        {
            foreach (var line in (await RunOnceAsync(subject, longRun, "--types")).Split(';', StringSplitOptions.RemoveEmptyEntries).Skip(1))
            {
                report.Say($"| | {line.Trim()} |");
            }
        }

        Task<string> RunOnceAsync(Subject subject, int messages, params string[] more)
            => Suite.ReportAsync(subject.Command, [.. load, $"--messages={messages}", .. subject.Arguments, .. more]);
    }

    private static double Read(string report) => Allocated().Match(report) is { Success: true } figure
        ? double.Parse(figure.Groups[1].ValueSpan, CultureInfo.InvariantCulture)
        : throw new InvalidOperationException($"No bytes in: {report}");

    [GeneratedRegex(@"(-?[\d.]+) B allocated per message")]
    private static partial Regex Allocated();
}
