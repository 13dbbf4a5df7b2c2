using System.Globalization;
using OrleansRocketMQ.Chaos.World;

namespace OrleansRocketMQ.Chaos.Soak;

/// <summary>What a silo holds at a moment, by what it tells on <c>/metrics</c> and what the system says of its process.</summary>
/// <param name="Silo">Its name.</param>
/// <param name="At">When, from the beginning on.</param>
/// <param name="Values">By the names of <see cref="SoakFigures"/>.</param>
internal sealed record SoakSample(string Silo, TimeSpan At, IReadOnlyDictionary<string, double> Values)
{
    private static readonly HttpClient s_http = new();

    public static async Task<SoakSample> TakeAsync(StartedSilo silo, TimeSpan at)
    {
        var metrics = Parse(await s_http.GetStringAsync(new Uri(silo.Web, "metrics")));
        var handles = Directory.GetFileSystemEntries($"/proc/{silo.Program.Id}/fd");
        double Sum(string name, string with = "") => metrics.Where(line => line.Name.StartsWith(name, StringComparison.Ordinal) && line.Name.Contains(with, StringComparison.Ordinal)).Sum(line => line.Value);
        return new(silo.Name, at, new Dictionary<string, double>(StringComparer.Ordinal)
        {
            [SoakFigures.WorkingSet] = Sum("dotnet_process_memory_working_set_bytes"),
            [SoakFigures.Heap] = Sum("dotnet_gc_last_collection_heap_size_bytes"),
            [SoakFigures.LargeHeap] = Sum("dotnet_gc_last_collection_heap_size_bytes", "\"loh\""),
            [SoakFigures.Timers] = Sum("dotnet_timer_count"),
            [SoakFigures.Threads] = Directory.GetDirectories($"/proc/{silo.Program.Id}/task").Length,
            [SoakFigures.Handles] = handles.Length,
            [SoakFigures.Connections] = handles.Count(IsSocket),
            [SoakFigures.Consumed] = Sum("messaging_client_consumed_messages_total"),
        });
    }

    private static IEnumerable<(string Name, double Value)> Parse(string metrics) =>
    [
        .. metrics.Split('\n').Where(line => line.Length > 0 && line[0] != '#')
            .Select(line => (line, at: line.LastIndexOf('}') is var brace and >= 0 ? brace + 1 : line.IndexOf(' ', StringComparison.Ordinal)))
            .Select(line => (line.line[..line.at], double.Parse(line.line[line.at..].Trim().Split(' ')[0], CultureInfo.InvariantCulture))),
    ];

    private static bool IsSocket(string handle)
    {
        try
        {
            return new FileInfo(handle).LinkTarget?.StartsWith("socket:", StringComparison.Ordinal) == true;
        }
        catch (IOException)
        {
            return false; // It was closed meanwhile.
        }
    }
}
