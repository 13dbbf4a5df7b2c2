using System.Globalization;

namespace OrleansRocketMQ.Chaos.Soak;

/// <summary>
/// Silos at a steady load, with a queue of each group moved every minute: what they hold must have no slope, and all that was sent must
/// be consumed. <c>soak --minutes=60 --results=FILE --note=TEXT</c>
/// </summary>
internal static class SoakCommand
{
    public static async Task<int> RunAsync(string[] args)
    {
        string? Value(string name) => args.FirstOrDefault(argument => argument.StartsWith(name, StringComparison.Ordinal))?[name.Length..];
        var minutes = int.Parse(Value("--minutes=") ?? "60", CultureInfo.InvariantCulture);
        var folder = Directory.CreateTempSubdirectory("orleansrocketmq-soak-").FullName;
        var begun = DateTime.UtcNow;
        var (lines, complaints) = await new SoakRun(TimeSpan.FromMinutes(minutes), folder).RunAsync();
        string[] all =
        [
            "# Soak",
            string.Empty,
            $"{begun:yyyy-MM-dd HH:mm} UTC, {minutes} minutes, {Environment.ProcessorCount} cores, {Environment.OSVersion}, .NET {Environment.Version}, {Value("--note=") ?? "nothing else noted"}.",
            string.Empty,
            .. lines,
            string.Empty,
            .. complaints.Count == 0 ? ["Nothing has a slope beyond its limit, and all that was sent was consumed."] : complaints.Select(complaint => $"- {complaint}"),
        ];
        foreach (var line in all)
        {
            Console.WriteLine(line);
        }

        if (Value("--results=") is { } results)
        {
            await File.AppendAllLinesAsync(results, all);
        }

        Directory.Delete(folder, recursive: true);
        return complaints.Count == 0 ? 0 : 1;
    }
}
