using System.Globalization;
using System.Text.RegularExpressions;
using OrleansRocketMQ.Engine;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>Figures of a run that has been warm from its beginning: those of a long run less those of a short one.</summary>
internal readonly partial record struct Warm(double CpuPerMillion, double PerSecond)
{
    /// <summary>Runs both, and takes what the longer one used beyond the shorter.</summary>
    /// <param name="shortRun">Messages of the short run.</param>
    /// <param name="longRun">Messages of the long one.</param>
    /// <param name="run">Runs so many messages and gives the line it reports.</param>
    public static async Task<Warm> MeasureAsync(int shortRun, int longRun, Func<int, Task<string>> run)
    {
        var (shortCpu, shortTime) = Read(await run(shortRun), shortRun);
        var (longCpu, longTime) = Read(await run(longRun), longRun);
        return new((longCpu - shortCpu) / (longRun - shortRun) * 1_000_000, (longRun - shortRun) / (longTime - shortTime));
    }

    public override string ToString()
        => FormattableString.Invariant($"{CpuPerMillion:0.00} CPU s per million, {PerSecond:0} msg/s");

    private static (double Cpu, double Seconds) Read(string report, int messages)
    {
        var figures = Figures().Match(report);
        return figures.Success
            ? (Number(figures, 2) * messages / 1_000_000, messages / Number(figures, 1))
            : throw new InvalidOperationException($"No figures in: {report}");
    }

    private static double Number(Match match, int group) => double.Parse(match.Groups[group].ValueSpan, CultureInfo.InvariantCulture);

    [GeneratedRegex(@": (\d+) msg/s \| ([\d.]+) CPU s per million")]
    private static partial Regex Figures();
}
