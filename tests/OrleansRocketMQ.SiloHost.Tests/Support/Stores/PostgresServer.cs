using Npgsql;

namespace OrleansRocketMQ.SiloHost.Support.Stores;

/// <summary>
/// PostgreSQL on a free port of loopback, in a folder of its own, with what Orleans asks a database for
/// (<c>PostgresTables.sql</c>). Starts with the first test of a class and ends with the last.
/// </summary>
public sealed class PostgresServer : IAsyncLifetime
{
    private const string User = "postgres";

    private readonly TestFolder _folder = new();
    private readonly int _port = FreePorts.Take(1)[0];
    private RunningProgram? _server;

    public int Port => _port;

    public string ConnectionString => ConnectionStringAt("127.0.0.1");

    public async Task InitializeAsync()
    {
        if (Binaries.PostgresFolder is not { } binaries)
        {
            return; // The tests say so.
        }

        if (Environment.IsPrivilegedProcess)
        {
            await RunAsync("chown", User, _folder.Path);
        }

        var data = _folder.In("data");
        await RunAsync([.. AsUser(), Path.Combine(binaries, "initdb"), $"--pgdata={data}", $"--username={User}", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]);
        _server = RunningProgram.StartCommand(
        [
            .. AsUser(), Path.Combine(binaries, "postgres"), "-D", data, "-p", $"{_port}",
            "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off",
        ]);
        await Eventually.TrueAsync(AnswersAsync, () => $"PostgreSQL answers. It printed:{Environment.NewLine}{_server.Everything}");
        await using var script = typeof(PostgresServer).Assembly.GetManifestResourceStream("PostgresTables.sql")!;
        using var reader = new StreamReader(script);
        await ExecuteAsync(await reader.ReadToEndAsync());
    }

    /// <summary>Where it is for somebody who reaches it at another address.</summary>
    public string ConnectionStringAt(string host) => $"Host={host};Port={_port};Username={User};Database=postgres";

    /// <summary>Settings of a host that finds the others of its cluster here.</summary>
    public string[] Clustering(string cluster) =>
    [
        $"--Orleans:ClusterId={cluster}",
        $"--Orleans:ServiceId={cluster}",
        "--Orleans:Endpoints:AdvertisedIPAddress=127.0.0.1",
        "--Orleans:Clustering:ProviderType=AdoNet",
        "--Orleans:Clustering:Invariant=Npgsql",
        $"--Orleans:Clustering:ConnectionString={ConnectionString}",
    ];

    /// <summary>Asks for one value.</summary>
    public async Task<T> AskAsync<T>(string query)
    {
        await using var source = NpgsqlDataSource.Create(ConnectionString);
        await using var command = source.CreateCommand(query);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    public async Task DisposeAsync()
    {
        if (_server is not null)
        {
            // Its fast shutdown: it ends the processes it has for connections, too.
            _server.Interrupt();
            await _server.UntilEndedAsync();
            await _server.DisposeAsync();
        }

        _folder.Dispose();
    }

    /// <summary>It does nothing from here on, and keeps its connections: neither the server nor the processes it has for these.</summary>
    public void Suspend() => _server!.Suspend(withChildren: true);

    /// <summary>Ends a <see cref="Suspend"/>.</summary>
    public void Resume() => _server!.Resume(withChildren: true);

    // PostgreSQL refuses to run as root. This way the process that was started is the server itself.
    private static string[] AsUser() => Environment.IsPrivilegedProcess ? ["setpriv", $"--reuid={User}", $"--regid={User}", "--init-groups"] : [];

    private async Task<bool> AnswersAsync()
    {
        try
        {
            return await AskAsync<int>("SELECT 1") == 1;
        }
        catch (NpgsqlException)
        {
            return false;
        }
    }

    /// <summary>Runs statements.</summary>
    public async Task ExecuteAsync(string script)
    {
        await using var connection = new NpgsqlConnection(ConnectionString);
        await connection.OpenAsync();
        // A batch as it stands: the parameters in the texts of the queries are Orleans' own.
        await using var command = new NpgsqlCommand(script, connection);
        await command.ExecuteNonQueryAsync();
    }

    private static async Task RunAsync(params string[] command)
    {
        await using var running = RunningProgram.StartCommand(command);
        if (await running.UntilEndedAsync() != 0)
        {
            throw new InvalidOperationException($"{string.Join(' ', command)} failed:{Environment.NewLine}{running.Everything}");
        }
    }
}
