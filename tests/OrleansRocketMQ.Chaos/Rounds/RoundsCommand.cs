using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using OrleansRocketMQ.Chaos.Plan;
using OrleansRocketMQ.Chaos.World;
using OrleansRocketMQ.SiloHost.Support;

namespace OrleansRocketMQ.Chaos.Rounds;

/// <summary>Runs rounds, one for each seed, and goes on where it was broken off.</summary>
internal static class RoundsCommand
{
    private static readonly string[] s_sources =
    [
        "src", "silo-host", "tests/Shared",
        "tests/OrleansRocketMQ.Chaos", "tests/OrleansRocketMQ.Chaos.Listeners", "tests/OrleansRocketMQ.Chaos.Silo",
    ];

    /// <returns>The process's exit code: 0 when no round has failed.</returns>
    public static async Task<int> RunAsync(string[] args)
    {
        string? Value(string name) => args.FirstOrDefault(argument => argument.StartsWith(name, StringComparison.Ordinal))?[name.Length..];
        if ((Value("--seeds=") ?? Value("--seed="))?.Split("..") is not [var first, ..] bounds)
        {
            await Console.Error.WriteLineAsync("--seeds=A..B or --seed=N, [--seconds=N] [--only=FAULT,FAULT] [--results=FILE] [--keep=FOLDER] " + RoundSetting.Usage);
            return 2;
        }

        var lasts = TimeSpan.FromSeconds(int.Parse(Value("--seconds=") ?? "60", CultureInfo.InvariantCulture));
        var only = Value("--only=")?.Split(',').Select(Enum.Parse<FaultKind>).ToList();
        var (from, to) = (int.Parse(first, CultureInfo.InvariantCulture), int.Parse(bounds[^1], CultureInfo.InvariantCulture));
        List<int> seeds = [.. Enumerable.Range(from, to - from + 1)];
        var results = new ResultsFile(Value("--results="), await TreeAsync());
        var done = results.DoneOf(seeds, lasts);
        if (done.Count > 0)
        {
            Console.WriteLine($"left out, since this tree has run them: {string.Join(", ", done)}");
        }

        var kept = Directory.CreateDirectory(Value("--keep=") ?? Path.Join(Path.GetTempPath(), "chaos-failed")).FullName;
        var setting = RoundSetting.Of(args);
        var failed = 0;
        foreach (var seed in seeds.Except(done))
        {
            var folder = Directory.CreateDirectory(Path.Join(kept, string.Create(CultureInfo.InvariantCulture, $"seed-{seed}-{DateTime.UtcNow:yyyyMMdd-HHmmss}"))).FullName;
            var (isOk, said) = await RunAsync(RoundPlan.Of(seed, lasts, only), folder, setting);
            failed += isOk ? 0 : 1;
            await results.AddAsync(isOk ? said : $"{said}{Environment.NewLine}  logs: {folder}");
            if (isOk && !args.Contains("--keep-all"))
            {
                Directory.Delete(folder, recursive: true);
            }
        }

        return failed == 0 ? 0 : 1;
    }

    // A round that could not be run to its end is one that failed, and no reason not to run the next.
    private static async Task<(bool IsOk, string Said)> RunAsync(RoundPlan plan, string folder, RoundSetting setting)
    {
        try
        {
            var result = await new Round(plan, folder, setting).RunAsync();
            return (result.Complaints.Count == 0, result.ToString());
        }
        catch (Exception exception) when (exception is TimeoutException or InvalidOperationException or HttpRequestException or IOException or RocketMQException)
        {
            await File.WriteAllTextAsync(Path.Join(folder, "exception.log"), exception.ToString());
            return (false, $"FAILED {plan} | it could not be run to its end{Environment.NewLine}  {exception.Message.Split('\n')[0]}");
        }
    }

    /// <summary>
    /// What the sources of silos, brokers and rounds are, not documents: results of other ones say nothing of these. With a plus where
    /// something is not committed.
    /// </summary>
    private static async Task<string> TreeAsync()
    {
        var trees = await GitAsync(["rev-parse", .. s_sources.Select(folder => $"HEAD:{folder}")]);
        var tree = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(trees)))[..12];
        return (await GitAsync(["status", "--porcelain", "--untracked-files=no", "--", .. s_sources])).Length == 0 ? tree : $"{tree}+";
    }

    private static async Task<string> GitAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo("git", ["-C", RunningProgram.PathOf("repository"), .. arguments]) { RedirectStandardOutput = true };
        using var git = Process.Start(start)!;
        var said = await git.StandardOutput.ReadToEndAsync();
        await git.WaitForExitAsync();
        return said;
    }
}
