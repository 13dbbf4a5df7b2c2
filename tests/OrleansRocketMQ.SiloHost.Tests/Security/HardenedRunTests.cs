using OrleansRocketMQ.SiloHost.Support;

namespace OrleansRocketMQ.SiloHost.Security;

/// <summary>
/// What silo-host/Dockerfile and kubernetes/silo-host.yaml ask for, without a container engine: the program runs as nobody,
/// without a capability, on a root that is read-only, and writes into the folder it was told and nowhere else.
/// </summary>
public sealed class HardenedRunTests
{
    private const string Nobody = "65534";

    // Mounts of its own, then no way back: the process that stays is the program itself.
    private const string Harden = "mount -t tmpfs -o mode=700,uid=65534,gid=65534 tmpfs \"$1\" && mount -o remount,bind,ro / && shift"
        + " && exec setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all --inh-caps=-all --no-new-privs \"$@\"";

    [HardenedFact]
    public async Task It_runs_as_nobody_on_a_read_only_root_and_writes_into_its_folder_alone()
    {
        using var data = new TestFolder();
        var ports = FreePorts.Take(3);
        await using var program = RunningProgram.StartCommand(
            [
                "unshare", "--mount", "sh", "-c", Harden, "sh", data.Path,
                RunningProgram.DotNet, RunningProgram.PathOf("silo-host"),
                $"--Orleans:Endpoints:SiloPort={ports[0]}", $"--Orleans:Endpoints:GatewayPort={ports[1]}", $"--Urls=http://127.0.0.1:{ports[2]}",
                $"--Embedded:DataFolder={data.In("broker")}", $"--RocketMQ:OffsetStorePath={data.In("state")}", "--Demo:Rate=200",
            ],
            ("DOTNET_EnableDiagnostics", "0"),
            ("HOME", "/nonexistent"));
        var host = new SiloHostProgram(program, $"http://127.0.0.1:{ports[2]}", ports[0], ports[1]);
        await host.UntilReadinessTellsAsync("Healthy");
        await UntilItHasConsumedAsync(host.Url);

        var status = File.ReadLines($"/proc/{program.Id}/status")
            .Select(line => line.Split('\t', StringSplitOptions.TrimEntries))
            .ToDictionary(cells => cells[0], cells => cells[1..]);
        Assert.All(status["Uid:"], id => Assert.Equal(Nobody, id));
        Assert.Equal(0UL, Convert.ToUInt64(status["CapEff:"][0], 16));
        Assert.Equal(0UL, Convert.ToUInt64(status["CapBnd:"][0], 16));
        Assert.Equal("1", status["NoNewPrivs:"][0]);
        Assert.StartsWith("ro", Assert.Single(Mounts(program.Id), mount => mount[1] == "/")[3], StringComparison.Ordinal);
        Assert.NotEmpty(Directory.EnumerateFiles($"/proc/{program.Id}/root{data.In("broker")}", "*", SearchOption.AllDirectories));
        Assert.All(Written(program.Id), file => Assert.StartsWith(data.Path, file, StringComparison.Ordinal));

        var (exitCode, _) = await program.StopAsync();
        Assert.True(exitCode == 0, program.Everything);
        Assert.Empty(program.Errors);
        var told = Assert.Single(program.Output, line => line.StartsWith("stopped; this host sent", StringComparison.Ordinal));
        Assert.DoesNotContain("sent 0 messages", told, StringComparison.Ordinal);
    }

    private static async Task UntilItHasConsumedAsync(string url)
    {
        using var http = new HttpClient();
        await Eventually.TrueAsync(
            async () => PrometheusParser.Parse(await http.GetStringAsync(new Uri($"{url}/metrics"))).Sum("messaging_client_consumed_messages_total") > 0,
            "a message was consumed");
    }

    private static IEnumerable<string[]> Mounts(int process) => File.ReadLines($"/proc/{process}/mounts").Select(line => line.Split(' '));

    /// <summary>The files on a disk it has open for writing.</summary>
    private static IEnumerable<string> Written(int process) => Directory.EnumerateFiles($"/proc/{process}/fd")
        .Where(link => IsForWriting(process, Path.GetFileName(link)))
        .Select(link => File.ResolveLinkTarget(link, returnFinalTarget: false)?.FullName)
        .OfType<string>()
        .Where(file => !file.StartsWith("/proc/", StringComparison.Ordinal) && !file.StartsWith("/dev/", StringComparison.Ordinal) && !file.Contains(':', StringComparison.Ordinal));

    private static bool IsForWriting(int process, string descriptor)
    {
        const int WriteOnlyOrBoth = 3;
        try
        {
            var flags = File.ReadLines($"/proc/{process}/fdinfo/{descriptor}").First(line => line.StartsWith("flags:", StringComparison.Ordinal));
            return (Convert.ToInt32(flags["flags:".Length..].Trim(), 8) & WriteOnlyOrBoth) != 0;
        }
        catch (IOException)
        {
            return false; // Closed meanwhile.
        }
    }
}
