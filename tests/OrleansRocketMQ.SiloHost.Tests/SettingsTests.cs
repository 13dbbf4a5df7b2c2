using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using OrleansRocketMQ.SiloHost.Support;

namespace OrleansRocketMQ.SiloHost;

/// <summary>Whoever sets something wrong is told what, in one line, by a process that has failed.</summary>
public sealed class SettingsTests
{
    [Theory]
    [InlineData("RocketMQ:NameServer", "nowhere")]
    [InlineData("RocketMQ:HeartbeatInterval", "soon")]
    [InlineData("RocketMQ:Consumers:OrleansRocketMQ_Demo:PullBatchSize", "5000")]
    [InlineData("RocketMQ:ShutdownTimeout", "00:00:30")]
    [InlineData("ShutdownTimeoutSeconds", "soon")]
    [InlineData("Orleans:Membership:ProbeTimeout", "at once")]
    [InlineData("Demo:Messages", "many")]
    [InlineData("Demo:Rate", "-5")]
    [InlineData("Demo:Group", "a group")]
    [InlineData("Orleans:PrimarySilo", "that one")]
    [InlineData("Orleans:Clustering:PrimarySiloEndPoint", "that one, too")]
    [InlineData("Orleans:Clustering:ProviderType", "Redis")]
    [InlineData("Orleans:GrainStorage:RocketMQ:ProviderType", "AdoNet")]
    [InlineData("Embedded:NameServerPort", "99999")]
    [InlineData("Urls", "http://127.0.0.1:99999")]
    public async Task A_wrong_setting_is_named(string field, string value)
    {
        var (exitCode, program) = await SiloHostProgram.RunAsync($"--{field}={value}");

        Assert.Equal(2, exitCode);
        var error = Assert.Single(program.Errors);
        Assert.Contains(field, error, StringComparison.Ordinal);
        Assert.Contains(value, error, StringComparison.Ordinal);
        Assert.DoesNotContain(program.Output, line => line.Contains("   at ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_provider_the_program_does_not_bring_is_told_with_those_it_does()
    {
        var (_, program) = await SiloHostProgram.RunAsync("--Orleans:Clustering:ProviderType=Redis");

        var error = Assert.Single(program.Errors);
        Assert.Contains("Development", error, StringComparison.Ordinal);
        Assert.Contains("silo-host/Providers", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Settings_of_the_environment_count()
    {
        await using var host = SiloHostProgram.Start([], ("ROCKETMQ__NAMESERVER", "nowhere"));

        Assert.NotEqual(0, await host.Program.UntilEndedAsync());
        Assert.Contains("RocketMQ:NameServer", Assert.Single(host.Program.Errors), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_argument_overrides_the_environment_and_the_environment_the_file()
    {
        Assert.Contains("its topic OrleansRocketMQ_Demo ", await CheckAsync([]), StringComparison.Ordinal);
        Assert.Contains("its topic FromTheEnvironment ", await CheckAsync([], ("DEMO__TOPIC", "FromTheEnvironment")), StringComparison.Ordinal);
        Assert.Contains("its topic FromAnArgument ", await CheckAsync(["--Demo:Topic=FromAnArgument"], ("DEMO__TOPIC", "FromTheEnvironment")), StringComparison.Ordinal);

        static async Task<string> CheckAsync(string[] arguments, params (string, string)[] environment)
        {
            await using var program = RunningProgram.Start("silo-host", ["--check", .. arguments], environment);
            Assert.Equal(0, await program.UntilEndedAsync());
            return program.Everything;
        }
    }

    [Fact]
    public async Task Logs_for_a_collector_are_one_JSON_object_a_line_and_nothing_else()
    {
        await using var host = SiloHostProgram.Start("--Logging:Console:FormatterName=json");
        await host.Program.UntilPrintedAsync("8 queues here");
        host.Program.Interrupt();

        Assert.True(await host.Program.UntilEndedAsync() == 0, host.Program.Everything);
        Assert.All(host.Program.Output, line => Assert.Equal(JsonValueKind.Object, JsonDocument.Parse(line).RootElement.ValueKind));
        Assert.Contains(host.Program.Output, line => line.Contains("stopped; this host sent", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("Orleans:Endpoints:SiloPort", "{0}", "--Orleans:Endpoints:SiloPort=")]
    [InlineData("Urls", "http://127.0.0.1:{0}", "--Urls=")]
    [InlineData("Embedded:NameServerPort", "{0}", "Embedded:NameServerPort")]
    public async Task A_taken_port_is_told_with_what_to_do_about_it(string field, string value, string hint)
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var port = ((IPEndPoint)other.LocalEndpoint).Port;

        var (exitCode, program) = await SiloHostProgram.RunAsync($"--{field}={string.Format(System.Globalization.CultureInfo.InvariantCulture, value, port)}");

        Assert.Equal(2, exitCode);
        var error = Assert.Single(program.Errors);
        Assert.Contains($"{port}", error, StringComparison.Ordinal);
        Assert.Contains(hint, error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Help_is_given()
    {
        await using var program = RunningProgram.Start("silo-host", ["--help"]);

        Assert.Equal(0, await program.UntilEndedAsync());
        Assert.Contains("--Demo:Messages=N", program.Everything, StringComparison.Ordinal);
    }
}
