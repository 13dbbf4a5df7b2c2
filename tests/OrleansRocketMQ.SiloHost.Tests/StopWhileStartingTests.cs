using System.Net;
using System.Net.Sockets;
using Npgsql;
using OrleansRocketMQ.SiloHost.Support;
using OrleansRocketMQ.SiloHost.Support.Stores;
using Xunit.Abstractions;

namespace OrleansRocketMQ.SiloHost;

/// <summary>A host that is told to stop while it starts ends at once, and does not go on to join its cluster.</summary>
public sealed class StopWhileStartingTests(PostgresServer postgres, ITestOutputHelper output) : IClassFixture<PostgresServer>
{
    [Fact]
    public Task Told_to_stop_at_any_moment_from_its_first_statement_on_a_host_ends_well_and_in_time()
        => new SignalSweep(() => SiloHostProgram.Start(), TimeSpan.FromSeconds(0.15), output).RunAsync((_, _) => Task.CompletedTask);

    [PostgresFact]
    public Task Told_to_stop_at_any_moment_a_host_leaves_no_row_in_the_membership_table_that_others_count()
    {
        var cluster = $"test-{Guid.NewGuid():N}";
        return new SignalSweep(() => SiloHostProgram.Start("silo-host-adonet", postgres.Clustering(cluster)), TimeSpan.FromSeconds(0.2), output).RunAsync(
            async (host, _) =>
            {
                const int Dead = 6;
                var left = await postgres.AskAsync<long>($"SELECT count(*) FROM silo WHERE cluster = '{cluster}' AND status <> {Dead}");
                Assert.True(left == 0, $"{left} rows are left of:{Environment.NewLine}{host.Program.Everything}");
            });
    }

    [Theory]
    [InlineData("silo-host-adonet", "--Orleans:Clustering:ProviderType=AdoNet", "--Orleans:Clustering:Invariant=Npgsql", "--Orleans:Clustering:ConnectionString=Host=127.0.0.1;Port={0};Username=x;Database=x;Timeout=60")]
    [InlineData("silo-host-redis", "--Orleans:Clustering:ProviderType=Redis", "--Orleans:Clustering:ConnectionString=127.0.0.1:{0},connectTimeout=60000,abortConnect=false")]
    [InlineData("silo-host", "--Orleans:PrimarySilo=127.0.0.1:{0}")]
    public async Task A_store_of_the_cluster_that_hangs_does_not_hold_up_a_stop(string program, params string[] settings)
    {
        using var hung = new TcpListener(IPAddress.Loopback, 0);
        hung.Start();
        var port = ((IPEndPoint)hung.LocalEndpoint).Port;
        await using var host = SiloHostProgram.Start(
            program, [.. settings.Select(setting => setting.Replace("{0}", $"{port}", StringComparison.Ordinal)), "--Orleans:Endpoints:AdvertisedIPAddress=127.0.0.1"]);
        await Eventually.TrueAsync(hung.Pending, () => $"it asks the store. It printed:{Environment.NewLine}{host.Program.Everything}");

        var (exitCode, took) = await host.Program.StopAsync();

        output.WriteLine($"ended after {took.TotalSeconds:0.00} s");
        Assert.True(exitCode == 0, host.Program.Everything);
        Assert.True(took < SignalSweep.Limit, $"It took {took.TotalSeconds} s.");
        Assert.Empty(host.Program.Errors);
    }

    [PostgresFact]
    public async Task A_row_that_hangs_while_it_is_written_is_not_written_later()
    {
        var cluster = $"test-{Guid.NewGuid():N}";
        await using var source = NpgsqlDataSource.Create(postgres.ConnectionString);
        await using (var connection = await source.OpenConnectionAsync())
        await using (var transaction = await connection.BeginTransactionAsync())
        {
            // Readers pass, writers wait.
            await using var hold = new NpgsqlCommand("LOCK TABLE silo IN SHARE MODE", connection, transaction);
            await hold.ExecuteNonQueryAsync();
            await using var host = SiloHostProgram.Start("silo-host-adonet", postgres.Clustering(cluster));
            await Eventually.TrueAsync(
                () => postgres.AskAsync<bool>("SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'silo'::regclass AND NOT granted)"),
                () => $"it writes its row. It printed:{Environment.NewLine}{host.Program.Everything}");

            var (exitCode, took) = await host.Program.StopAsync();

            output.WriteLine($"ended after {took.TotalSeconds:0.00} s");
            Assert.True(exitCode == 0, host.Program.Everything);
            Assert.True(took < SignalSweep.Limit, $"It took {took.TotalSeconds} s.");
            Assert.Empty(host.Program.Errors);
        }

        await Eventually.TrueAsync(() => postgres.AskAsync<bool>("SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock')"), "nobody waits for the table");
        Assert.Equal(0, await postgres.AskAsync<long>($"SELECT count(*) FROM silo WHERE cluster = '{cluster}'"));
    }

    [Fact]
    public async Task What_does_not_return_does_not_hold_up_a_stop_either()
    {
        using var folder = new TestFolder();
        var loading = folder.In("loading");
        await using var host = SiloHostProgram.Start([$"--Listeners:Path={RunningProgram.PathOf("listeners")}"], ("TEST_HANG_WHEN_LOADED", loading));
        await Eventually.TrueAsync(() => File.Exists(loading), () => $"it loads listeners. It printed:{Environment.NewLine}{host.Program.Everything}");

        var (exitCode, took) = await host.Program.StopAsync();

        output.WriteLine($"ended after {took.TotalSeconds:0.00} s");
        Assert.True(exitCode == 0, host.Program.Everything);
        Assert.True(took < SignalSweep.Limit, $"It took {took.TotalSeconds} s.");
    }

    [Fact]
    public async Task A_check_that_is_broken_off_does_not_pass_for_one_that_found_all_well()
    {
        using var hung = new TcpListener(IPAddress.Loopback, 0);
        hung.Start();
        await using var check = RunningProgram.Start("silo-host", ["--check", $"--RocketMQ:NameServer={hung.LocalEndpoint}", $"--Listeners:Path={RunningProgram.PathOf("listeners")}"]);
        await Eventually.TrueAsync(hung.Pending, () => $"it asks the name server. It printed:{Environment.NewLine}{check.Everything}");

        var (exitCode, took) = await check.StopAsync();

        Assert.Equal(1, exitCode);
        Assert.True(took < SignalSweep.Limit, $"It took {took.TotalSeconds} s.");
    }
}
