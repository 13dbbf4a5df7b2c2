using Orleans;

namespace OrleansRocketMQ;

/// <summary>What is paused and slowed down in a group at run time. Immutable.</summary>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.FlowSettings")]
public sealed record FlowSettings
{
    /// <summary>Nothing is paused, nothing is slowed down.</summary>
    public static FlowSettings None { get; } = new();

    /// <summary>
    /// What is paused: a queue that is part of any of these neither pulls nor gives messages to listeners. What listeners
    /// have begun they end; what is buffered stays where it is and goes on when resumed.
    /// </summary>
    [Id(0)]
    public IReadOnlyList<ConsumerScope> Paused { get; init; } = [];

    /// <summary>Messages per second by topic.</summary>
    [Id(1)]
    public IReadOnlyDictionary<string, double> RateLimits { get; init; } = new Dictionary<string, double>();

    /// <summary>Grows with each change.</summary>
    [Id(2)]
    public long Version { get; init; }

    /// <summary>
    /// Circuit breakers that are not closed. They pause by themselves, apart from <see cref="Paused"/>: neither ends the other.
    /// </summary>
    [Id(10)]
    public IReadOnlyList<BreakerStatus> Breakers { get; init; } = [];

    /// <summary>Whether a queue is paused.</summary>
    public bool IsPaused(MessageQueue queue) => Paused.Any(scope => scope.Contains(queue));

    /// <summary>The same with that part paused.</summary>
    public FlowSettings Pause(ConsumerScope scope)
        => Paused.Contains(scope) ? this : this with { Paused = Paused.Append(scope).ToArray(), Version = Version + 1 };

    /// <summary>
    /// The same without a pause of exactly that part; what was paused by topic or queue stays so when the group is resumed.
    /// </summary>
    public FlowSettings Resume(ConsumerScope scope)
        => Paused.Contains(scope) ? this with { Paused = Paused.Where(paused => paused != scope).ToArray(), Version = Version + 1 } : this;

    /// <summary>The same with another limit of a topic; null: none.</summary>
    /// <exception cref="RocketMQValidationException">The limit is not above 0.</exception>
    public FlowSettings LimitRate(string topic, double? messagesPerSecond)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(topic);
        if (messagesPerSecond is { } limit && !(limit > 0 && double.IsFinite(limit)))
        {
            throw new RocketMQValidationException(
                "MessagesPerSecond", limit, "a number above 0, or null for no limit; to stop a topic, pause it");
        }

        var limits = RateLimits.Where(known => known.Key != topic).ToDictionary(StringComparer.Ordinal);
        if (messagesPerSecond is { } set)
        {
            limits[topic] = set;
        }

        return this with { RateLimits = limits, Version = Version + 1 };
    }
}
