using Orleans;

namespace OrleansRocketMQ;

/// <summary>A circuit breaker that is not closed. Immutable.</summary>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.BreakerStatus")]
public sealed record BreakerStatus
{
    /// <summary>The topic; null for the whole group.</summary>
    [Id(0)]
    public string? Topic { get; init; }

    /// <summary>Whether some messages are let through, to see how they do; else none are.</summary>
    [Id(1)]
    public bool IsTrial { get; init; }

    /// <summary>When it opened.</summary>
    [Id(2)]
    public DateTimeOffset Since { get; init; }

    /// <summary>When it lets messages through, unless it does.</summary>
    [Id(3)]
    public DateTimeOffset Until { get; init; }

    /// <summary>How often it has opened without closing in between.</summary>
    [Id(4)]
    public int Openings { get; init; }

    /// <summary>How many messages had failed when it opened,</summary>
    [Id(5)]
    public long Failed { get; init; }

    /// <summary>of so many.</summary>
    [Id(6)]
    public long Messages { get; init; }

    /// <summary>Messages per second of each topic while it tries, over all silos.</summary>
    [Id(7)]
    public double TrialRate { get; init; }

    /// <summary>Whether it stands before a topic.</summary>
    public bool Contains(string topic) => Topic is null || Topic == topic;

    /// <inheritdoc/>
    public override string ToString()
        => $"the circuit breaker of {(Topic is null ? "the group" : $"topic {Topic}")} {(IsTrial ? "tries some messages" : "is open")}: "
            + $"{Failed} of {Messages} messages failed at {Since:u}";
}
