using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.SiloHost.Support;

namespace OrleansRocketMQ.SiloHost;

/// <summary><c>--check</c>: a line for each thing that was tried, and an exit code that says of which kind the worst finding is.</summary>
public sealed class CheckTests
{
    [Fact]
    public async Task Where_all_is_well_each_thing_gets_a_line_and_no_group_is_joined()
    {
        await using var cluster = await EmbeddedRocketMQ.StartAsync();
        cluster.CreateTopic(Records.Topic);

        var (exitCode, lines) = await CheckAsync(cluster.NameServerAddress);

        Assert.Equal(0, exitCode);
        Assert.All(lines, line => Assert.StartsWith("ok ", line, StringComparison.Ordinal));
        Has(lines, "listeners: RecordingListener from ");
        Has(lines, "1 consumer group: recorders (records)");
        Has(lines, "clustering: on this machine");
        Has(lines, $"name server {cluster.NameServerAddress} knows the broker broker-a");
        Has(lines, "topic records has 4 queues on broker-a");
        Has(lines, $"broker broker-a at {cluster.Broker.Address} answers");
        Has(lines, "group recorders may read topic records");
        Assert.Empty(cluster.Broker.ClientsOf(Records.Group));
    }

    [Fact]
    public async Task A_name_server_that_is_away_is_told_beside_one_that_answers()
    {
        await using var cluster = await EmbeddedRocketMQ.StartAsync();
        cluster.CreateTopic(Records.Topic);
        var nowhere = $"127.0.0.1:{FreePorts.Take(1)[0]}";

        var (exitCode, lines) = await CheckAsync($"{nowhere};{cluster.NameServerAddress}");

        Assert.Equal(3, exitCode);
        Has(lines, $"FAILED  name server {nowhere} does not answer");
        Has(lines, $"ok      name server {cluster.NameServerAddress}");
        Has(lines, "ok      group recorders may read");
    }

    [Fact]
    public async Task A_topic_that_does_not_exist_is_told()
    {
        await using var cluster = await EmbeddedRocketMQ.StartAsync();

        var (exitCode, lines) = await CheckAsync(cluster.NameServerAddress);

        Assert.Equal(1, exitCode);
        Has(lines, "FAILED  topic records does not exist");
    }

    [Fact]
    public async Task A_broker_that_is_away_is_told()
    {
        await using var cluster = await EmbeddedRocketMQ.StartAsync();
        cluster.CreateTopic(Records.Topic);
        await cluster.Broker.StopAsync(unregister: false);

        var (exitCode, lines) = await CheckAsync(cluster.NameServerAddress);

        Assert.Equal(3, exitCode);
        Has(lines, $"FAILED  broker broker-a at {cluster.Broker.Address} does not answer");
    }

    [Fact]
    public async Task An_account_the_broker_does_not_let_in_is_told_without_its_secret()
    {
        await using var cluster = await EmbeddedRocketMQ.StartAsync(new() { Accounts = new Dictionary<string, string> { ["silo"] = "the-right-secret" } });
        cluster.CreateTopic(Records.Topic);

        var (exitCode, lines) = await CheckAsync(cluster.NameServerAddress, "--RocketMQ:AccessKey=silo", "--RocketMQ:SecretKey=a-wrong-secret");
        Assert.Equal(3, exitCode);
        Has(lines, "FAILED  broker broker-a does not let group recorders read topic records");
        Assert.DoesNotContain(lines, line => line.Contains("a-wrong-secret", StringComparison.Ordinal));

        (exitCode, lines) = await CheckAsync(cluster.NameServerAddress, "--RocketMQ:AccessKey=silo", "--RocketMQ:SecretKey=the-right-secret");
        Assert.True(exitCode == 0, string.Join(Environment.NewLine, lines));
    }

    [Fact]
    public async Task A_wrong_setting_is_told()
    {
        var (exitCode, lines) = await CheckAsync("nowhere");

        Assert.Equal(2, exitCode);
        Has(lines, "FAILED  settings: RocketMQ:NameServer is 'nowhere'");
    }

    [Fact]
    public async Task A_primary_silo_that_is_away_is_told()
    {
        await using var cluster = await EmbeddedRocketMQ.StartAsync();
        cluster.CreateTopic(Records.Topic);
        var nowhere = $"127.0.0.1:{FreePorts.Take(1)[0]}";

        var (exitCode, lines) = await CheckAsync(cluster.NameServerAddress, $"--Orleans:PrimarySilo={nowhere}");

        Assert.Equal(3, exitCode);
        Has(lines, $"FAILED  clustering: the silo {nowhere}");
    }

    private static async Task<(int ExitCode, IReadOnlyList<string> Lines)> CheckAsync(string nameServer, params string[] arguments)
    {
        await using var program = RunningProgram.Start(
            "silo-host", [$"--RocketMQ:NameServer={nameServer}", "--check", $"--Listeners:Path={RunningProgram.PathOf("listeners")}", .. arguments]);
        var exitCode = await program.UntilEndedAsync();
        Assert.Empty(program.Errors);
        return (exitCode, program.Output);
    }

    private static void Has(IReadOnlyList<string> lines, string text) => Assert.Contains(lines, line => line.Contains(text, StringComparison.Ordinal));
}
