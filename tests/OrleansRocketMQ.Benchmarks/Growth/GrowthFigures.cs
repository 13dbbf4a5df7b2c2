using System.Globalization;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>What one group took for its messages.</summary>
/// <param name="CpuPerMillion">CPU seconds for a million messages.</param>
/// <param name="PerSecond">Messages a second.</param>
/// <param name="Allocated">Bytes allocated for a message beyond its body.</param>
/// <param name="CpuPerMillionFirst">CPU seconds for a million first messages of their keys; 0 where there are too few keys to say.</param>
internal readonly record struct GrowthFigures(double CpuPerMillion, double PerSecond, double Allocated, double CpuPerMillionFirst)
{
    private const int FewestFirst = 10_000;

    public string Line => FormattableString.Invariant($"{CpuPerMillion}\t{PerSecond}\t{Allocated}\t{CpuPerMillionFirst}");

    /// <param name="begin">Before the first message.</param>
    /// <param name="later">When every key had had its first one.</param>
    /// <param name="end">At the last message.</param>
    /// <param name="arguments">How many there were.</param>
    public static GrowthFigures Of(ProcessFigures begin, ProcessFigures later, ProcessFigures end, Arguments arguments)
    {
        var first = arguments.Number("first", 0);
        var measured = arguments.Messages - first;
        var start = first > 0 ? later : begin;
        return new(
            PerMillion(end.Cpu - start.Cpu, measured),
            measured / end.Since(start).TotalSeconds,
            ((end.Allocated - start.Allocated) / (double)measured) - arguments.BodyLength,
            first >= FewestFirst ? PerMillion(later.Cpu - begin.Cpu, first) : 0);
    }

    public static GrowthFigures Parse(string line)
    {
        double[] figures = [.. line.Split('\t').Select(figure => double.Parse(figure, CultureInfo.InvariantCulture))];
        return new(figures[0], figures[1], figures[2], figures[3]);
    }

    private static double PerMillion(TimeSpan cpu, int messages) => cpu.TotalSeconds / messages * 1_000_000;
}
