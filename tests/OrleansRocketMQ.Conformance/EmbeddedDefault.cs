using OrleansRocketMQ.Embedded;

namespace OrleansRocketMQ.Conformance;

/// <summary>The cluster used when no other is named.</summary>
internal sealed class EmbeddedDefault(EmbeddedRocketMQ embedded) : IAsyncDisposable
{
    public string NameServer => embedded.NameServerAddress;

    public static async Task<EmbeddedDefault> StartAsync() => new(await EmbeddedRocketMQ.StartAsync());

    public ValueTask DisposeAsync() => embedded.DisposeAsync();
}
