using System.Text.RegularExpressions;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.SiloHost.Support;

namespace OrleansRocketMQ.SiloHost;

public sealed partial class DemoRunTests
{
    [Fact]
    public async Task A_run_with_an_end_consumes_every_message_and_says_so_in_its_last_line()
    {
        var (exitCode, program) = await SiloHostProgram.RunAsync("--Demo:Messages=2000");

        Assert.True(exitCode == 0, program.Everything);
        Assert.Matches(Verdict(), program.Output[^1]);
        Assert.Empty(program.Errors);
        // Beside the verdict, one line that tells which cluster it was.
        Assert.True(program.Output.Count == 2, program.Everything);
    }

    [Fact]
    public async Task A_first_run_in_an_empty_home_warns_of_nothing_and_writes_nothing_there()
    {
        using var home = new TestFolder();
        await using var host = SiloHostProgram.Start(["--Demo:Messages=2000", "--Logging:LogLevel:Default=Warning"], ("HOME", home.Path));

        var exitCode = await host.Program.UntilEndedAsync();

        Assert.True(exitCode == 0, host.Program.Everything);
        Assert.True(host.Program.Output.Count == 2, host.Program.Everything);
        Assert.Empty(host.Program.Errors);
        Assert.Empty(Directory.EnumerateFiles(home.Path, "*", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task Several_embedded_brokers_with_slaves_share_the_load()
    {
        var (exitCode, program) = await SiloHostProgram.RunAsync("--Demo:Messages=2000", "--Embedded:Brokers=3", "--Embedded:Slaves=1");

        Assert.True(exitCode == 0, program.Everything);
        Assert.Matches(Verdict(), program.Output[^1]);
    }

    [Fact]
    public async Task A_run_reaches_a_cluster_that_wants_an_account_and_TLS()
    {
        using var certificates = new TestCertificates();
        using var folder = new TestFolder();
        await using var embedded = await EmbeddedRocketMQ.StartAsync(new()
        {
            Accounts = new Dictionary<string, string> { ["demo"] = "its-secret" },
            TlsCertificate = certificates.Server,
            RequireTls = true,
        });

        var (exitCode, program) = await SiloHostProgram.RunAsync(
            "--Demo:Messages=2000", $"--RocketMQ:NameServer={embedded.NameServerAddress}", "--RocketMQ:AccessKey=demo", "--RocketMQ:SecretKey=its-secret",
            "--RocketMQ:UseTls=true", $"--RocketMQ:TlsAuthorityFile={certificates.WriteAuthority(folder.Path)}");

        Assert.True(exitCode == 0, program.Everything);
        Assert.Matches(Verdict(), program.Output[^1]);
    }

    [Fact]
    public async Task A_number_of_brokers_that_cannot_be_is_named()
    {
        var (exitCode, program) = await SiloHostProgram.RunAsync("--Embedded:Brokers=27");

        Assert.Equal(2, exitCode);
        Assert.Contains("Embedded:Brokers", Assert.Single(program.Errors), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_run_against_a_cluster_that_is_away_fails_and_says_why()
    {
        var nowhere = $"127.0.0.1:{FreePorts.Take(1)[0]}";

        var (exitCode, program) = await SiloHostProgram.RunAsync("--Demo:Messages=10", "--Demo:Patience=00:00:01", $"--RocketMQ:NameServer={nowhere}");

        Assert.NotEqual(0, exitCode);
        Assert.Contains(nowhere, Assert.Single(program.Errors), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Interrupted_a_run_with_an_end_does_not_pass_for_a_success()
    {
        await using var host = SiloHostProgram.Start("--Demo:Messages=100000000");
        await host.Program.UntilPrintedAsync("RocketMQ:");

        host.Program.Interrupt();

        Assert.NotEqual(0, await host.Program.UntilEndedAsync());
    }

    [Theory]
    [InlineData("--Orleans:PrimarySilo=")]
    [InlineData("--Orleans:Clustering:ProviderType=Development", "--Orleans:Clustering:PrimarySiloEndPoint=")]
    public async Task A_second_host_uses_the_cluster_it_is_told_of_and_joins_the_silo(params string[] joining)
    {
        var nameServer = $"127.0.0.1:{FreePorts.Take(1)[0]}";
        await using var first = SiloHostProgram.Start($"--Embedded:NameServerPort={nameServer.Split(':')[1]}");
        await first.Program.UntilPrintedAsync("8 queues here");

        await using var second = SiloHostProgram.Start([$"--RocketMQ:NameServer={nameServer}", .. joining[..^1], $"{joining[^1]}127.0.0.1:{first.SiloPort}"]);

        await second.Program.UntilPrintedAsync("| 4 queues here");
        await first.Program.UntilPrintedAsync("| 4 queues here");
    }

    [GeneratedRegex(@"^consumed 2000 of 2000, 0 lost, 0 duplicates, \d+ msg/s$")]
    private static partial Regex Verdict();
}
