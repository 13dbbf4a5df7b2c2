using OrleansRocketMQ.Chaos.Plan;

namespace OrleansRocketMQ.Chaos.World.Brokers;

/// <summary>Name server and brokers of a round.</summary>
internal interface IRoundBrokers : IAsyncDisposable
{
    /// <summary>What silos are told.</summary>
    string NameServer { get; }

    int NameServerPort { get; }

    /// <summary>The ports of name server and brokers. After <see cref="StartAsync"/>.</summary>
    IReadOnlyList<int> Ports { get; }

    /// <summary>What keeps the names of this round apart from those of others; null: they are nobody else's.</summary>
    string? Namespace { get; }

    /// <summary>How many queues each topic has. After <see cref="StartAsync"/>.</summary>
    IReadOnlyDictionary<string, int> Queues { get; }

    /// <summary>Makes the topics, and opens the links that connections go through.</summary>
    Task StartAsync(Links links);

    /// <summary>Whether a fault can be done here.</summary>
    bool Can(FaultKind kind);

    /// <summary>Does what is wrong with brokers, and mends it.</summary>
    /// <param name="fault">A fault of brokers.</param>
    /// <param name="onKilled">Called when a broker was killed, before it is there again: it has forgotten what it had not stored.</param>
    Task StrikeAsync(Fault fault, Action onKilled);
}
