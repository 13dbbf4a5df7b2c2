using System.Net;

namespace OrleansRocketMQ.Chaos.World.Stores;

/// <summary>Where the silos of a round find each other and keep the state of their grains.</summary>
internal interface IRoundStore : IAsyncDisposable
{
    string Name { get; }

    /// <summary>Where it listens, on loopback.</summary>
    int Port { get; }

    /// <summary>The arguments of a silo that reaches it at an address.</summary>
    IReadOnlyList<string> SettingsAt(IPAddress address);

    Task StartAsync();

    /// <summary>It does nothing from here on, and keeps its connections.</summary>
    void Suspend();

    void Resume();

    /// <summary>The stored records that hold a text, as they are stored: in JSON.</summary>
    /// <param name="text">Letters alone.</param>
    Task<IReadOnlyList<string>> RecordsWithAsync(string text);
}

internal static class RoundStores
{
    /// <summary>A database where the plan wants one and the machine has it, else Redis.</summary>
    public static IRoundStore Of(bool isDatabase) => isDatabase && PostgresStore.IsThere ? new PostgresStore() : new RedisStore();
}
