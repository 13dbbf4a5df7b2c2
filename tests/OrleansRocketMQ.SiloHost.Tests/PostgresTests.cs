using OrleansRocketMQ.SiloHost.Support;

namespace OrleansRocketMQ.SiloHost;

/// <summary>Hosts that find each other, and keep state, in PostgreSQL.</summary>
public sealed class PostgresTests
{
    private readonly string _cluster = $"test-{Guid.NewGuid():N}";

    [PostgresFact]
    public async Task Two_hosts_find_each_other_split_the_queues_and_a_check_counts_them()
    {
        var nameServerPort = FreePorts.Take(1)[0];
        await using var first = Start($"--Embedded:NameServerPort={nameServerPort}");
        await first.Program.UntilPrintedAsync("| 8 queues here");

        await using var second = Start($"--RocketMQ:NameServer=127.0.0.1:{nameServerPort}");

        await second.Program.UntilPrintedAsync("| 4 queues here");
        await first.Program.UntilPrintedAsync("| 4 queues here");
        await using var check = RunningProgram.Start("silo-host-adonet", ["--check", .. Settings()]);
        Assert.True(await check.UntilEndedAsync() == 0, check.Everything);
        Assert.Contains("ok      clustering: AdoNet lists 2 active silos", check.Output);

        first.Program.Terminate();
        await second.Program.UntilPrintedAsync("| 8 queues here");
        Assert.True(await first.Program.UntilEndedAsync() == 0, first.Program.Everything);
    }

    [PostgresFact]
    public async Task A_broadcasting_group_finds_its_progress_again_after_a_restart()
    {
        await using var records = await Records.StartAsync();
        await records.SendAsync(0, 50);
        Assert.Equal(Enumerable.Range(0, 50), await ConsumeAsync(50));
        await records.SendAsync(50, 20);
        Assert.Equal(Enumerable.Range(50, 20), await ConsumeAsync(20));

        async Task<IEnumerable<int>> ConsumeAsync(int count)
        {
            var (host, file) = records.StartProgram("silo-host-adonet", ["--Orleans:Name=member-1", "--RocketMQ:Consumers:recorders:MessageModel=Broadcasting", .. Settings()]);
            await using var _ = host;
            await Eventually.TrueAsync(() => Records.Read(file).Length >= count, () => $"{count} are consumed. It printed:{Environment.NewLine}{host.Program.Everything}");
            host.Program.Terminate();
            Assert.True(await host.Program.UntilEndedAsync() == 0, host.Program.Everything);
            return Records.Read(file).Select(int.Parse).Order();
        }
    }

    [PostgresFact]
    public async Task A_database_that_is_away_is_told_in_a_line()
    {
        var nowhere = $"Host=127.0.0.1;Port={FreePorts.Take(1)[0]};Username=nobody;Database=nothing";

        await using var host = SiloHostProgram.Start("silo-host-adonet", [.. Settings(), $"--Orleans:Clustering:ConnectionString={nowhere}"]);

        Assert.Equal(3, await host.Program.UntilEndedAsync());
        Assert.Contains("the list of silos kept by AdoNet cannot be read", Assert.Single(host.Program.Errors), StringComparison.Ordinal);
    }

    private SiloHostProgram Start(params string[] arguments) => SiloHostProgram.Start("silo-host-adonet", [.. Settings(), .. arguments]);

    private string[] Settings() =>
    [
        $"--Orleans:ClusterId={_cluster}",
        $"--Orleans:ServiceId={_cluster}",
        "--Orleans:Endpoints:AdvertisedIPAddress=127.0.0.1",
        "--Orleans:Clustering:ProviderType=AdoNet",
        "--Orleans:Clustering:Invariant=Npgsql",
        $"--Orleans:Clustering:ConnectionString={PostgresFactAttribute.ConnectionString}",
        "--Orleans:GrainStorage:RocketMQ:ProviderType=AdoNet",
        "--Orleans:GrainStorage:RocketMQ:Invariant=Npgsql",
        $"--Orleans:GrainStorage:RocketMQ:ConnectionString={PostgresFactAttribute.ConnectionString}",
    ];
}
