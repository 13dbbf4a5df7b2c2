using System.Globalization;

namespace OrleansRocketMQ.Chaos.Soak;

/// <summary>Slopes of what was sampled, in two halves and in all, against what is allowed.</summary>
internal sealed class SoakFigures
{
    public const string WorkingSet = "working set";
    public const string Heap = "GC heap";
    public const string LargeHeap = "large object heap";
    public const string Timers = "timers";
    public const string Threads = "threads";
    public const string Handles = "handles";
    public const string Connections = "connections";
    public const string Consumed = "messages consumed a second";

    private const double MiB = 1024 * 1024;

    // A process is not warm before that.
    private const double WarmUp = 0.1;

    /// <summary>How much a silo may gain in an hour: bytes, or a part of what it had.</summary>
    private static readonly (string Name, double Most, bool IsPart)[] s_limits =
    [
        (WorkingSet, 8 * MiB, false), (Heap, 4 * MiB, false), (LargeHeap, 4 * MiB, false),
        (Timers, 0.01, true), (Threads, 0.01, true), (Handles, 0.01, true), (Connections, 0.01, true),
    ];

    private const double MostLossOfThroughput = 0.05;

    public List<string> Lines { get; } = [];

    public List<string> Complaints { get; } = [];

    public static SoakFigures Of(IReadOnlyList<SoakSample> samples, TimeSpan lasts)
    {
        var figures = new SoakFigures();
        figures.Lines.Add("| | silo | first half | second half | an hour brings | at most |");
        figures.Lines.Add("|---|---|---|---|---|---|");
        foreach (var silo in samples.Where(sample => sample.At >= WarmUp * lasts).GroupBy(sample => sample.Silo).OrderBy(silo => silo.Key, StringComparer.Ordinal))
        {
            foreach (var (name, most, isPart) in s_limits)
            {
                figures.Add(name, silo.Key, [.. silo.Select(sample => (sample.At.TotalHours, sample.Values[name]))], most, isPart, sign: 1);
            }
        }

        // Of all silos together: what moves takes its messages along.
        var consumed = samples.Where(sample => sample.At >= WarmUp * lasts).GroupBy(sample => sample.At).OrderBy(at => at.Key)
            .Select(at => (At: at.Key, Sum: at.Sum(sample => sample.Values[Consumed]))).ToArray();
        figures.Add(
            Consumed, "all", [.. consumed.Zip(consumed.Skip(1), (earlier, later) => (later.At.TotalHours, (later.Sum - earlier.Sum) / (later.At - earlier.At).TotalSeconds))],
            MostLossOfThroughput, isPart: true, sign: -1);
        return figures;
    }

    /// <summary>Of the line that fits best.</summary>
    public static double Slope(IReadOnlyList<(double X, double Y)> points)
    {
        var (x, y) = (points.Average(point => point.X), points.Average(point => point.Y));
        return points.Sum(point => (point.X - x) * (point.Y - y)) / points.Sum(point => (point.X - x) * (point.X - x));
    }

    private void Add(string name, string silo, (double Hour, double Value)[] points, double most, bool isPart, int sign)
    {
        var slope = Slope(points);
        var limit = isPart ? most * points.Average(point => point.Value) : most;
        var (first, second) = (Median(points[..(points.Length / 2)]), Median(points[(points.Length / 2)..]));
        Lines.Add($"| {name} | {silo} | {Words(name, first)} | {Words(name, second)} | {Words(name, slope)} | {(sign < 0 ? "-" : "+")}{Words(name, limit)} |");
        if (sign * slope > limit)
        {
            Complaints.Add($"{name} of {silo}: an hour brings {Words(name, slope)}, {(sign < 0 ? "-" : "+")}{Words(name, limit)} at most");
        }
    }

    private static double Median((double Hour, double Value)[] points) => points.Select(point => point.Value).Order().ElementAt(points.Length / 2);

    private static string Words(string name, double value) => name is WorkingSet or Heap or LargeHeap
        ? string.Create(CultureInfo.InvariantCulture, $"{value / MiB:0.0} MiB")
        : string.Create(CultureInfo.InvariantCulture, $"{value:0.##}");
}
