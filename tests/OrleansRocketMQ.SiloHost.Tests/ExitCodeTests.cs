using System.Text.RegularExpressions;
using OrleansRocketMQ.SiloHost.Support;
using OrleansRocketMQ.SiloHost.Support.Stores;

namespace OrleansRocketMQ.SiloHost;

/// <summary>Whatever ends a host, its exit code is one of those documented, and a line says what it was.</summary>
public sealed partial class ExitCodeTests(PostgresServer postgres) : IClassFixture<PostgresServer>
{
    [Fact]
    public async Task What_nobody_foresaw_at_a_start_is_told_in_a_line()
    {
        // No setting of this program: its web server reads it, and complains in its own way.
        var (exitCode, program) = await SiloHostProgram.RunAsync("--Kestrel:Endpoints:Other:Url=http://127.0.0.1:1/path/is/not/allowed");

        Assert.Equal(1, exitCode);
        Assert.StartsWith("silo-host failed: System.", Assert.Single(program.Errors), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_thread_of_a_listener_that_fails_ends_the_host_with_a_line_and_without_a_core_file()
    {
        await using var records = await Records.StartAsync();
        await records.SendAsync("crash");
        var (host, _) = records.Start();
        await using var __ = host;

        Assert.Equal(1, await host.Program.UntilEndedAsync());
        Assert.Contains("silo-host failed: System.InvalidOperationException: A thread of a listener failed. In two lines.", Assert.Single(host.Program.Errors), StringComparison.Ordinal);
    }

    [PostgresFact]
    public async Task A_host_whose_cluster_has_declared_it_dead_ends_with_a_line()
    {
        var cluster = $"test-{Guid.NewGuid():N}";
        await using var host = SiloHostProgram.Start("silo-host-adonet", postgres.Clustering(cluster));
        await host.Program.UntilPrintedAsync("| 8 queues here");

        await postgres.ExecuteAsync($"""
            UPDATE silo SET status = 6 WHERE cluster = '{cluster}';
            UPDATE silo_list SET version = version + 1 WHERE cluster = '{cluster}';
            """);

        Assert.Equal(1, await host.Program.UntilEndedAsync());
        Assert.StartsWith("silo-host ends at once: ", Assert.Single(host.Program.Errors), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData]
    [InlineData("--check")]
    public async Task The_program_for_Kubernetes_says_in_a_line_that_it_is_outside_a_pod(params string[] arguments)
    {
        await using var host = SiloHostProgram.Start("silo-host-kubernetes", arguments);

        Assert.Equal(4, await host.Program.UntilEndedAsync());
        Assert.Contains("runs in a pod of Kubernetes", Assert.Single(arguments.Length == 0 ? host.Program.Errors : host.Program.Output), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Help_and_the_operations_manual_list_the_same_codes()
    {
        await using var program = RunningProgram.Start("silo-host", ["--help"]);
        await program.UntilEndedAsync();
        var help = string.Join(' ', program.Output);

        var manual = CodesOfTheManual().Matches(await File.ReadAllTextAsync(Path.Combine(RunningProgram.PathOf("repository"), "docs", "operations.md")));

        Assert.Equal(CodesOfTheProgram(), manual.Select(match => match.Groups["code"].Value).Order());
        Assert.All(CodesOfTheProgram(), code => Assert.Matches($@"[ ;:]\s*{code} \w", help[help.IndexOf("Exit codes:", StringComparison.Ordinal)..]));
    }

    // From the sources: the program is not referenced here.
    private static IEnumerable<string> CodesOfTheProgram()
        => CodesOfTheSource().Matches(File.ReadAllText(Path.Combine(RunningProgram.PathOf("repository"), "silo-host", "Errors", "ExitCode.cs"))).Select(match => match.Groups["code"].Value).Order();

    [GeneratedRegex(@"public const int \w+ = (?<code>\d+);")]
    private static partial Regex CodesOfTheSource();

    [GeneratedRegex(@"^\| (?<code>\d+) \|", RegexOptions.Multiline)]
    private static partial Regex CodesOfTheManual();
}
