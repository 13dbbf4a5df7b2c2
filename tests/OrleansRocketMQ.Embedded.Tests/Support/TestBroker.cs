using OrleansRocketMQ.Embedded;

namespace OrleansRocketMQ.Tests.Support;

/// <summary>A name server, a broker, a clock that stands still, and clients that are closed with them.</summary>
internal sealed class TestBroker : IAsyncDisposable
{
    private readonly List<TestClient> _clients = [];

    private TestBroker(EmbeddedRocketMQ rocketMQ, FakeTimeProvider time)
    {
        RocketMQ = rocketMQ;
        Time = time;
    }

    public EmbeddedRocketMQ RocketMQ { get; }

    public EmbeddedBroker Broker => RocketMQ.Broker;

    public FakeTimeProvider Time { get; }

    public static async Task<TestBroker> StartAsync(Func<EmbeddedRocketMQOptions, EmbeddedRocketMQOptions>? change = null, FakeTimeProvider? time = null)
    {
        time ??= new();
        var options = new EmbeddedRocketMQOptions { TimeProvider = time };
        return new(await EmbeddedRocketMQ.StartAsync(change?.Invoke(options) ?? options), time);
    }

    public async Task<TestClient> ConnectAsync(string? clientId = null)
    {
        var client = await TestClient.ConnectAsync(Broker.Address, clientId);
        _clients.Add(client);
        return client;
    }

    public async Task<TestClient> ConnectAsync(EmbeddedSlave slave)
    {
        var client = await TestClient.ConnectAsync(slave.Address);
        _clients.Add(client);
        return client;
    }

    public async Task<TestClient> ConnectToNameServerAsync()
    {
        var client = await TestClient.ConnectAsync(RocketMQ.NameServerAddress);
        _clients.Add(client);
        return client;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var client in _clients)
        {
            await client.DisposeAsync();
        }

        await RocketMQ.DisposeAsync();
    }
}
