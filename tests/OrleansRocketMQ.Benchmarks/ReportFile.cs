using System.Globalization;
using System.Reflection;
using OrleansRocketMQ.Producing;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>
/// What was measured, on the console as it comes, and at the end as a dated document where <c>--out</c> names one, and as lines of
/// figures where <c>--history</c> does.
/// </summary>
internal sealed class ReportFile(Arguments arguments)
{
    private readonly List<string> _lines = [];
    private readonly List<Figure> _figures = [];

    public void Begin(string title, string setting)
    {
        Say($"# {title}");
        Say(string.Empty);
        Say($"{DateTime.UtcNow:yyyy-MM-dd HH:mm} UTC, {Environment.ProcessorCount} cores, {Environment.OSVersion}, .NET {Environment.Version}, {arguments["note"] ?? "nothing else noted"}. {setting}");
        Say(string.Empty);
    }

    public void Say(FormattableString line) => Say(line.ToString(CultureInfo.InvariantCulture));

    public void Say(string line)
    {
        _lines.Add(line);
        Console.WriteLine(line);
    }

    /// <summary>Notes a figure for the history.</summary>
    public void Record(string what, string unit, Spread spread, double x = 0) => _figures.Add(new(
        DateTimeOffset.UtcNow, Commit(), what, x, unit, spread.Median, spread.Lowest, spread.Highest, $"{arguments["note"]} load average {Load()}".Trim()));

    public async Task WriteAsync()
    {
        if (arguments["history"] is { } history)
        {
            await FigureHistory.AppendAsync(history, _figures);
        }

        if (arguments["out"] is { } file)
        {
            await File.WriteAllLinesAsync(file, _lines);
        }
    }

    /// <summary>The load of the machine in the last minute, as others may use it, too.</summary>
    public static string Load() => File.ReadAllText("/proc/loadavg").Split(' ')[0];

    public static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted[sorted.Length / 2];
    }

    // What follows the version is the commit it was built from.
    private static string Commit()
    {
        var version = typeof(Producer).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? string.Empty;
        var commit = version[(version.IndexOf('+') + 1)..];
        return commit.Length > 7 ? commit[..7] : commit;
    }
}
