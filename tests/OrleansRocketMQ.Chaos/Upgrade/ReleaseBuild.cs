using System.Diagnostics;
using OrleansRocketMQ.Chaos.World;
using OrleansRocketMQ.SiloHost.Support;

namespace OrleansRocketMQ.Chaos.Upgrade;

/// <summary>silo-host of a release, built in a folder of its own with the listeners of today, as a user has them who has not upgraded yet.</summary>
internal static class ReleaseBuild
{
    private const string Host = "silo-host/Providers/Redis";
    private const string Listeners = "tests/OrleansRocketMQ.Chaos.Listeners";

    private static string Repository => RunningProgram.PathOf("repository");

    /// <summary>The commit of a tag; null where the repository has no such tag, or is none.</summary>
    public static async Task<string?> CommitOfAsync(string tag)
    {
        var (exitCode, printed) = await RunAsync("git", Repository, "rev-parse", "--short", "--verify", "--quiet", $"{tag}^{{commit}}");
        return exitCode == 0 ? printed.Trim() : null;
    }

    /// <param name="tag">The release.</param>
    /// <param name="folder">Where it is built. What was built there before is used again.</param>
    public static async Task<SiloBuild> BuildAsync(string tag, string folder)
    {
        var build = new SiloBuild(
            tag,
            Path.Join(folder, Host, "bin/Release/net10.0/silo-host-redis.dll"),
            Path.Join(folder, Listeners, "bin/Release/net10.0"));
        if (!File.Exists(Path.Join(build.Listeners, "ChaosListeners.dll")))
        {
            await MakeAsync(tag, folder);
        }

        return build;
    }

    private static async Task MakeAsync(string tag, string folder)
    {
        Directory.CreateDirectory(folder);
        var archive = Path.Join(folder, "release.tar");
        await MustAsync("git", Repository, "archive", "--output", archive, tag);
        await MustAsync("tar", folder, "-xf", archive);
        var sources = Directory.CreateDirectory(Path.Join(folder, Listeners)).FullName;
        foreach (var file in Directory.EnumerateFiles(Path.Join(Repository, Listeners)))
        {
            File.Copy(file, Path.Join(sources, Path.GetFileName(file)), overwrite: true);
        }

        await MustAsync(RunningProgram.DotNet, folder, "build", "-c", "Release", "-v", "quiet", "-nologo", Host);
        await MustAsync(RunningProgram.DotNet, folder, "build", "-c", "Release", "-v", "quiet", "-nologo", Listeners);
    }

    private static async Task MustAsync(string program, string folder, params string[] arguments)
    {
        var (exitCode, printed) = await RunAsync(program, folder, arguments);
        if (exitCode != 0)
        {
            throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {exitCode}: {printed}");
        }
    }

    private static async Task<(int ExitCode, string Printed)> RunAsync(string program, string folder, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = folder, RedirectStandardOutput = true };
        using var process = Process.Start(start)!;
        var printed = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, printed);
    }
}
