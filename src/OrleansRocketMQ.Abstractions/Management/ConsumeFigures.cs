using Orleans;

namespace OrleansRocketMQ;

/// <summary>
/// What was consumed of a queue, a topic or a group: on one silo since the consumer started there, or over a cluster's
/// silos together. Immutable.
/// </summary>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.ConsumeFigures")]
public sealed record ConsumeFigures
{
    /// <summary>Nothing yet.</summary>
    public static ConsumeFigures None { get; } = new();

    /// <summary>Messages a listener consumed.</summary>
    [Id(0)]
    public long Consumed { get; init; }

    /// <summary>Messages a listener failed on, took too long for, or that could not be read.</summary>
    [Id(1)]
    public long Failed { get; init; }

    /// <summary>Messages the broker has taken back to bring them again, or to file them as dead.</summary>
    [Id(2)]
    public long SentBack { get; init; }

    /// <summary>Those of <see cref="Failed"/> that a listener had for longer than the consume timeout.</summary>
    [Id(3)]
    public long TimedOut { get; init; }

    /// <summary>Messages consumed per second, over the last ten full seconds.</summary>
    [Id(4)]
    public double MessagesPerSecond { get; init; }

    /// <summary>Average time from the producer's clock to the end of the listener's work.</summary>
    [Id(5)]
    public TimeSpan AverageLatency { get; init; }

    /// <summary>The longest such time.</summary>
    [Id(6)]
    public TimeSpan MaxLatency { get; init; }

    /// <summary>The time 99 of 100 messages stayed below, within 12 %.</summary>
    [Id(7)]
    public TimeSpan P99Latency { get; init; }

    /// <summary>Average time a listener took for one message.</summary>
    [Id(8)]
    public TimeSpan AverageListenerTime { get; init; }

    /// <summary>The part of all attempts that succeeded, 0 to 1; 1 when there was none.</summary>
    public double SuccessRate => Consumed + Failed == 0 ? 1 : (double)Consumed / (Consumed + Failed);
}
