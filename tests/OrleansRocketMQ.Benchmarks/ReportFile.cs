using System.Globalization;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>What was measured, on the console as it comes, and at the end as a dated document where <c>--out</c> names one.</summary>
internal sealed class ReportFile(Arguments arguments)
{
    private readonly List<string> _lines = [];

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

    public async Task WriteAsync()
    {
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
}
