using System.Net;
using OrleansRocketMQ.SiloHost.Support.Stores;

namespace OrleansRocketMQ.Chaos.World.Stores;

/// <summary>A PostgreSQL of the round's own.</summary>
internal sealed class PostgresStore : IRoundStore
{
    private readonly PostgresServer _server = new();

    public static bool IsThere => Binaries.PostgresFolder is not null;

    public string Name => "PostgreSQL";

    public int Port => _server.Port;

    public IReadOnlyList<string> SettingsAt(IPAddress address) => [.. Provider("Clustering", address), .. Provider("GrainStorage:Default", address)];

    public Task StartAsync() => _server.InitializeAsync();

    public void Suspend() => _server.Suspend();

    public void Resume() => _server.Resume();

    public async Task<IReadOnlyList<string>> RecordsWithAsync(string text) => await _server.AskAsync<string[]>(
        $"SELECT coalesce(array_agg(state), '{{}}') FROM (SELECT convert_from(payload, 'UTF8') AS state FROM grain_state) AS all_of_them WHERE strpos(state, '{text}') > 0");

    public async ValueTask DisposeAsync() => await _server.DisposeAsync();

    private IEnumerable<string> Provider(string section, IPAddress address) =>
    [
        $"--Orleans:{section}:ProviderType=AdoNet", $"--Orleans:{section}:Invariant=Npgsql",
        $"--Orleans:{section}:ConnectionString={_server.ConnectionStringAt(address.ToString())}",
    ];
}
