using System.Text.Json;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>One figure of one measurement, as a line of a history file.</summary>
/// <param name="At">When it was measured.</param>
/// <param name="Commit">Of what.</param>
/// <param name="What">The command and what it measured.</param>
/// <param name="X">Where it is one of a row: the number of queues, keys or bytes; 0 elsewhere.</param>
/// <param name="Unit">What it counts.</param>
/// <param name="Median">The median of the rounds.</param>
/// <param name="Lowest">The lowest of them.</param>
/// <param name="Highest">The highest of them.</param>
/// <param name="Note">What else ran on the machine.</param>
internal sealed record Figure(
    DateTimeOffset At, string Commit, string What, double X, string Unit, double Median, double Lowest, double Highest, string Note);

/// <summary>All figures ever measured, a JSON line for each, so that a plot can show how they went: <c>--history FILE</c>.</summary>
internal static class FigureHistory
{
    private static readonly JsonSerializerOptions Camel = new(JsonSerializerDefaults.Web);

    public static Task AppendAsync(string file, IEnumerable<Figure> figures)
        => File.AppendAllLinesAsync(file, figures.Select(figure => JsonSerializer.Serialize(figure, Camel)));

    public static async Task<Figure[]> ReadAsync(string file)
        => [.. (await File.ReadAllLinesAsync(file)).Where(line => line.Length > 0).Select(line => JsonSerializer.Deserialize<Figure>(line, Camel)!)];
}
