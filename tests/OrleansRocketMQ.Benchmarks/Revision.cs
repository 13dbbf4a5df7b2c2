using System.Diagnostics;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>This program as it is at a revision of the repository, built in a folder of its own.</summary>
internal sealed class Revision : IDisposable
{
    private static readonly string Project = Path.Combine("tests", "OrleansRocketMQ.Benchmarks");

    private readonly string _folder = Directory.CreateTempSubdirectory("revision").FullName;

    private Revision(string name, string commit)
    {
        Name = name;
        Commit = commit;
    }

    /// <summary>As it was asked for.</summary>
    public string Name { get; }

    public string Commit { get; }

    private string Program => Path.Combine(_folder, Project, "bin", "Release", "net10.0", "OrleansRocketMQ.Benchmarks");

    /// <summary>Takes the revision's files and builds them in release.</summary>
    public static async Task<Revision> BuildAsync(string name)
    {
        var commit = (await RunAsync("git", Environment.CurrentDirectory, "rev-parse", "--short", $"{name}^{{commit}}")).Trim();
        var revision = new Revision(name, commit);
        var archive = Path.Combine(revision._folder, "revision.tar");
        await RunAsync("git", Environment.CurrentDirectory, "archive", "--output", archive, commit);
        await RunAsync("tar", revision._folder, "-xf", archive);
        await RunAsync("dotnet", revision._folder, "build", "-c", "Release", "-v", "quiet", Project);
        return revision;
    }

    /// <summary>Runs one of the program's commands and gives the last line it prints, its report.</summary>
    public async Task<string> ReportAsync(params string[] arguments)
    {
        var printed = await RunAsync(Program, _folder, arguments);
        return printed.Trim().Split('\n')[^1];
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static async Task<string> RunAsync(string program, string folder, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = folder, RedirectStandardOutput = true };
        using var process = Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start");
        var printed = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0
            ? printed
            : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}: {printed}");
    }
}
