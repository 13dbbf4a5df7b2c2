using System.Globalization;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>
/// What a hostile peer or listener costs a healthy neighbour: <c>hostile --pairs 3 --seconds 10</c>, with <c>--of throws,slow</c> some of
/// the faults. Each run has a broker and a silo in processes of their own; a run with a fault stands beside one in which the same
/// group behaves, and which of the two comes first changes from pair to pair.
/// </summary>
internal static class HostileBenchmark
{
    public static async Task<int> RunAsync(Arguments arguments)
    {
        if (arguments["fault"] is { } fault)
        {
            return await HostileRun.RunAsync(arguments, fault);
        }

        var (pairs, seconds) = (arguments.Number("pairs", 3), arguments.Number("seconds", 10));
        var report = new ReportFile(arguments);
        report.Begin("What a hostile peer or listener costs a neighbour", $"{pairs} pairs of runs, each with broker and silo in processes of their own: a backlog of {HostileRun.Backlog} messages, then {seconds} s at {HostileRun.Rate} a second. Shares are those of the run beside it without the fault; median (lowest, highest).");
        report.Say("| fault | struck | share of the neighbour's throughput | share of its p99 | p99, ms | lost |");
        report.Say("|---|---|---|---|---|---|");
        foreach (var one in arguments["of"]?.Split(',') ?? [.. HostileListeners.Faults, .. HostileBroker.Faults])
        {
            var measured = new List<(HostileFigures Healthy, HostileFigures Faulty)>();
            for (var pair = 0; pair < pairs; pair++)
            {
                var healthy = HostileBroker.Faults.Contains(one) ? HostileBroker.Behaves : HostileListeners.Behaves;
                var first = await MeasureAsync(pair % 2 == 0 ? healthy : one, seconds);
                var second = await MeasureAsync(pair % 2 == 0 ? one : healthy, seconds);
                measured.Add(pair % 2 == 0 ? (first, second) : (second, first));
            }

            var throughput = new Spread(measured.Select(pair => pair.Faulty.PerSecond / pair.Healthy.PerSecond));
            var late = new Spread(measured.Select(pair => pair.Faulty.P99 / pair.Healthy.P99));
            var p99 = new Spread(measured.Select(pair => pair.Faulty.P99));
            report.Say($"| {one} | {measured.Min(pair => pair.Faulty.Struck)} | {throughput} | {late} | {p99} | {measured.Max(pair => pair.Faulty.Lost)} |");
            report.Record($"hostile {one}, share of throughput", "share", throughput);
            report.Record($"hostile {one}, share of p99", "share", late);
        }

        report.Say(string.Empty);
        report.Say($"Load average at the end: {ReportFile.Load()}.");
        await report.WriteAsync();
        return 0;
    }

    private static async Task<HostileFigures> MeasureAsync(string fault, int seconds)
    {
        using var broker = BrokerProcess.Start();
        return HostileFigures.Parse(await Suite.ReportAsync("hostile", $"--fault={fault} --seconds={seconds} --nameserver={broker.NameServer}"));
    }
}

/// <param name="PerSecond">Messages of the neighbour's backlog that were consumed in a second.</param>
/// <param name="P99">From the call of the producer to that of the neighbour's listener afterwards, milliseconds.</param>
/// <param name="Lost">Messages of the neighbour that did not come.</param>
/// <param name="Struck">How often the fault struck.</param>
internal readonly record struct HostileFigures(double PerSecond, double P99, int Lost, int Struck)
{
    public static HostileFigures Parse(string line)
    {
        var cells = line.Split(' ');
        return new(
            double.Parse(cells[0], CultureInfo.InvariantCulture),
            double.Parse(cells[1], CultureInfo.InvariantCulture),
            int.Parse(cells[2], CultureInfo.InvariantCulture),
            int.Parse(cells[3], CultureInfo.InvariantCulture));
    }

    public override string ToString() => FormattableString.Invariant($"{PerSecond:0.000} {P99:0.000} {Lost} {Struck}");
}
