using Orleans;

namespace OrleansRocketMQ;

/// <summary>What is paused and slowed down in a group at run time, and how operators have moved it. Immutable.</summary>
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

    /// <summary>The last seeks: one for each part of the group that was moved.</summary>
    [Id(3)]
    public IReadOnlyList<SeekMark> Seeks { get; init; } = [];

    /// <summary>
    /// Circuit breakers that are not closed. They pause by themselves, apart from <see cref="Paused"/>: neither ends the other.
    /// </summary>
    [Id(10)]
    public IReadOnlyList<BreakerStatus> Breakers { get; init; } = [];

    /// <summary>Queues that error rules have stopped, until they are resumed.</summary>
    [Id(11)]
    public IReadOnlyList<StoppedQueue> Stopped { get; init; } = [];

    /// <summary>Which reading of a queue goes on since the last seek.</summary>
    public QueueReading ReadingOf(MessageQueue queue)
    {
        var reading = default(QueueReading);
        foreach (var mark in Seeks)
        {
            if (mark.Scope.Contains(queue))
            {
                reading = new(Math.Max(reading.Seek, mark.Reading.Seek), Math.Max(reading.Effects, mark.Reading.Effects));
            }
        }

        return reading;
    }

    /// <summary>The same with a part of the group moved.</summary>
    /// <param name="scope">The part.</param>
    /// <param name="effectsAgain">Whether effects are to run again there.</param>
    /// <param name="number">The number of the seek: above those of all before it.</param>
    public FlowSettings Moved(ConsumerScope scope, bool effectsAgain, long number)
    {
        ArgumentNullException.ThrowIfNull(scope);
        var before = Seeks.FirstOrDefault(mark => mark.Scope == scope)?.Reading ?? default;
        var mark = new SeekMark(scope, new(number, effectsAgain ? number : before.Effects));
        return this with
        {
            // What has been said of all of it need not be kept for its parts, unless only they have effects again.
            Seeks = [.. Seeks.Where(known => known.Scope != scope && !(scope == ConsumerScope.Everything && effectsAgain)), mark],
            Version = Math.Max(Version + 1, number),
        };
    }

    /// <summary>Whether a queue is paused.</summary>
    public bool IsPaused(MessageQueue queue) => Paused.Any(scope => scope.Contains(queue));

    /// <summary>The same with that part paused.</summary>
    public FlowSettings Pause(ConsumerScope scope)
        => Paused.Contains(scope) ? this : this with { Paused = Paused.Append(scope).ToArray(), Version = Version + 1 };

    /// <summary>Why an error rule has stopped a queue; null when none has.</summary>
    public StoppedQueue? StopOf(MessageQueue queue) => Stopped.FirstOrDefault(stopped => stopped.Queue == queue);

    /// <summary>The same with a queue stopped by an error rule; of one that is stopped the first reason stays.</summary>
    public FlowSettings Stop(StoppedQueue stop)
    {
        ArgumentNullException.ThrowIfNull(stop);
        return StopOf(stop.Queue) is not null ? this : this with { Stopped = Stopped.Append(stop).ToArray(), Version = Version + 1 };
    }

    /// <summary>
    /// The same without a pause of exactly that part; what was paused by topic or queue stays so when the group is resumed. All of
    /// its queues that error rules have stopped go on.
    /// </summary>
    public FlowSettings Resume(ConsumerScope scope)
    {
        ArgumentNullException.ThrowIfNull(scope);
        return Paused.Contains(scope) || Stopped.Any(stopped => scope.Contains(stopped.Queue))
            ? this with
            {
                Paused = Paused.Where(paused => paused != scope).ToArray(),
                Stopped = Stopped.Where(stopped => !scope.Contains(stopped.Queue)).ToArray(),
                Version = Version + 1,
            }
            : this;
    }

    /// <summary>The same without one stop by an error rule; what operators have paused stays so.</summary>
    internal FlowSettings Without(StoppedQueue stop)
        => this with { Stopped = Stopped.Where(known => known != stop).ToArray(), Version = Version + 1 };

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

/// <summary>A seek of an operator. Immutable.</summary>
/// <param name="Scope">What was moved.</param>
/// <param name="Reading">The reading that began.</param>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.SeekMark")]
public sealed record SeekMark([property: Id(0)] ConsumerScope Scope, [property: Id(1)] QueueReading Reading);
