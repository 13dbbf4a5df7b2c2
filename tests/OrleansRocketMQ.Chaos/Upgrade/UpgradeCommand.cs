using OrleansRocketMQ.Chaos.World;

namespace OrleansRocketMQ.Chaos.Upgrade;

/// <summary>
/// Silos of a release beside silos of the present in one cluster, rolled there and back under load.
/// <c>upgrade --tag=v0.2.0 --built=FOLDER --results=FILE --keep=FOLDER</c>
/// </summary>
internal static class UpgradeCommand
{
    private const string LastRelease = "v0.2.0";

    /// <summary>What releases before did not have, switched on at once.</summary>
    private static readonly string[] s_new =
    [
        $"--RocketMQ:Consumers:{RoundTopics.Any}:CircuitBreaker=Group",
        $"--RocketMQ:Consumers:{RoundTopics.ByQueue}:ErrorRules:0:Exception=System.IO.InvalidDataException",
        $"--RocketMQ:Consumers:{RoundTopics.ByQueue}:ErrorRules:0:Then=Stop",
    ];

    public static async Task<int> RunAsync(string[] args)
    {
        string? Value(string name) => args.FirstOrDefault(argument => argument.StartsWith(name, StringComparison.Ordinal))?[name.Length..];
        var tag = Value("--tag=") ?? LastRelease;
        if (await ReleaseBuild.CommitOfAsync(tag) is not { } commit)
        {
            Console.WriteLine($"Skipped: this repository has no tag {tag}.");
            return 0;
        }

        var built = Value("--built=") ?? Directory.CreateTempSubdirectory("orleansrocketmq-release-").FullName;
        var folder = Directory.CreateTempSubdirectory("orleansrocketmq-upgrade-").FullName;
        List<string> lines =
        [
            $"# {tag} ({commit}) beside the present ({await ReleaseBuild.CommitOfAsync("HEAD")})",
            string.Empty,
            $"{DateTime.UtcNow:yyyy-MM-dd HH:mm} UTC, {Environment.ProcessorCount} cores, {Environment.OSVersion}, .NET {Environment.Version}, {Value("--note=") ?? "nothing else noted"}. "
                + "Three silos, silo-host over Redis, embedded brokers; groups in any order, in order, by key and broadcasting.",
            string.Empty,
        ];
        lines.ForEach(Console.WriteLine);
        void Say(string line)
        {
            lines.Add(line);
            Console.WriteLine(line);
        }

        var release = await ReleaseBuild.BuildAsync(tag, built);
        var complaints = await new UpgradeRun(release, SiloBuild.Present with { Settings = s_new }, folder, Say).RunAsync();
        Say(string.Empty);
        Say(complaints.Count == 0 ? "Nothing was lost, order was kept, and no more came again than may." : "FAILED:");
        complaints.ForEach(complaint => Say($"- {complaint}"));
        if (Value("--results=") is { } results)
        {
            await File.AppendAllLinesAsync(results, lines);
        }

        if (complaints.Count > 0 || Value("--keep=") is not null)
        {
            Directory.Move(folder, Path.Join(Value("--keep=") ?? Path.GetTempPath(), $"upgrade-{DateTime.UtcNow:HHmmss}"));
        }
        else
        {
            Directory.Delete(folder, recursive: true);
        }

        if (Value("--built=") is null)
        {
            Directory.Delete(built, recursive: true);
        }

        return complaints.Count == 0 ? 0 : 1;
    }
}
