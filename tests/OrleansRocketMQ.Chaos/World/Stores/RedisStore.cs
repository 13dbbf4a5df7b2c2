using System.Net;
using System.Text.Json;
using OrleansRocketMQ.SiloHost.Support.Stores;

namespace OrleansRocketMQ.Chaos.World.Stores;

/// <summary>A Redis of the round's own.</summary>
internal sealed class RedisStore : IRoundStore
{
    // Orleans keeps the state of a grain in a hash whose field "data" is JSON. A status is one line, whatever it holds.
    private const string Script = """
        local found = {}
        for _, key in ipairs(redis.call('KEYS', '*')) do
          if redis.call('TYPE', key).ok == 'hash' then
            local state = redis.call('HGET', key, 'data')
            if state and string.find(state, ARGV[1], 1, true) then table.insert(found, state) end
          end
        end
        return redis.status_reply(#found == 0 and '[]' or cjson.encode(found))
        """;

    private readonly RedisServer _server = new();

    public string Name => "Redis";

    public int Port => _server.Port;

    public IReadOnlyList<string> SettingsAt(IPAddress address) => [.. Provider("Clustering", address), .. Provider("GrainStorage:Default", address)];

    public Task StartAsync() => _server.InitializeAsync();

    public void Suspend() => _server.Suspend();

    public void Resume() => _server.Resume();

    public async Task<IReadOnlyList<string>> RecordsWithAsync(string text)
    {
        var answer = await _server.AskAsync("EVAL", Script, "0", text);
        return answer is ['+', .. var records]
            ? JsonSerializer.Deserialize<string[]>(records)!
            : throw new InvalidOperationException($"Redis said: {answer}");
    }

    public async ValueTask DisposeAsync() => await _server.DisposeAsync();

    private IEnumerable<string> Provider(string section, IPAddress address) =>
        [$"--Orleans:{section}:ProviderType=Redis", $"--Orleans:{section}:ConnectionString={address}:{Port}"];
}
