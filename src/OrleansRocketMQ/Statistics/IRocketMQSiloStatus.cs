using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Statistics;
using OrleansRocketMQ.Offsets;
using OrleansRocketMQ.Queues;

namespace OrleansRocketMQ.Statistics;

/// <summary>
/// What the consumers of this silo do, for health checks, consoles and tests. Reading costs nothing they would notice.
/// Thread-safe.
/// </summary>
public interface IRocketMQSiloStatus
{
    /// <summary>The groups of this silo.</summary>
    IReadOnlyList<SiloGroupStatus> Groups { get; }
}

/// <summary>One group on this silo at one moment. Counts are since the silo started.</summary>
public sealed record SiloGroupStatus
{
    /// <summary>The group.</summary>
    public required string Group { get; init; }

    /// <summary>What was consumed, over all topics.</summary>
    public ConsumeFigures Figures { get; init; } = ConsumeFigures.None;

    /// <summary>What was consumed, by topic; the figures of a queue are with <see cref="Queues"/>.</summary>
    public IReadOnlyDictionary<string, ConsumeFigures> Topics { get; init; } = new Dictionary<string, ConsumeFigures>();

    /// <summary>Messages a listener consumed.</summary>
    public long Consumed => Figures.Consumed;

    /// <summary>Messages a listener failed on, took too long for, or that could not be read.</summary>
    public long Failed => Figures.Failed;

    /// <summary>Messages the broker has taken back to bring them again, or to file them as dead.</summary>
    public long SentBack => Figures.SentBack;

    /// <summary>
    /// Listener calls that ended after their messages had been sent back for taking too long; what they said was ignored.
    /// </summary>
    public long LateResults { get; init; }

    /// <summary>How often the allocation of the group's queues has changed, as this silo saw it.</summary>
    public long Rebalances { get; init; }

    /// <summary>How long the consumer has been running on this silo.</summary>
    public TimeSpan Uptime { get; init; }

    /// <summary>
    /// Bytes that messages of all groups of this silo keep in memory together; see <c>RocketMQOptions.MaxCachedBytes</c>.
    /// </summary>
    public long SiloCachedBytes { get; init; }

    /// <summary>What keeping the group's progress took.</summary>
    public OffsetStoreFigures Offsets { get; init; } = new();

    /// <summary>The queues that run on this silo.</summary>
    public IReadOnlyList<QueueStatus> Queues { get; init; } = [];

    /// <summary>Messages not yet consumed in the queues that run here; null when that of one of them is not known.</summary>
    public long? Lag => Queues.Any(queue => queue.Lag is null) ? null : Queues.Sum(queue => queue.Lag);

    /// <summary>Whether every queue that belongs to this silo has found its offset and pulls, and its broker answers.</summary>
    public bool IsReady { get; init; }

    /// <summary>Why a subscription is not consumed; empty when all are.</summary>
    public string Refused { get; init; } = string.Empty;

    /// <summary>
    /// Counts of the time from the producer's clock to the end of the listener's work, by bucket; pass the difference
    /// of two of them to <see cref="Percentile"/>.
    /// </summary>
    public IReadOnlyList<long> LatencyCounts { get; init; } = [];

    /// <summary>The time below which that share of the messages stayed.</summary>
    /// <param name="counts">Counts of <see cref="LatencyCounts"/>, or the difference of two of them.</param>
    /// <param name="share">0 to 1, for example 0.99.</param>
    public static TimeSpan Percentile(IReadOnlyList<long> counts, double share)
        => TimeSpan.FromMicroseconds(LatencyHistogram.Percentile([.. counts], share));
}

/// <inheritdoc cref="IRocketMQSiloStatus"/>
internal sealed class RocketMQSiloStatus(ConsumerRegistry consumers) : IRocketMQSiloStatus
{
    public IReadOnlyList<SiloGroupStatus> Groups => [.. consumers.All.Select(Describe)];

    private static SiloGroupStatus Describe(ConsumerGroupRuntime consumer)
    {
        var queues = consumer.Pumps.Values.Select(pump => pump.Describe()).OrderBy(status => status.Queue).ToArray();
        var totals = consumer.Statistics.ByTopic();
        var all = ConsumeTotals.Sum(totals.Values);
        var own = consumer.View.QueuesOf(consumer.Client.ClientId).ToArray();
        return new SiloGroupStatus
        {
            Group = consumer.Group,
            Figures = all.ToFigures(),
            Topics = totals.ToDictionary(topic => topic.Key, topic => topic.Value.ToFigures(), StringComparer.Ordinal),
            LateResults = consumer.Statistics.LateResults,
            Rebalances = consumer.Statistics.Rebalances,
            Uptime = consumer.Statistics.Uptime,
            Offsets = consumer.Offsets.Metrics.Snapshot(),
            SiloCachedBytes = consumer.Budgets.SiloBytes.Used,
            Queues = queues,
            // More silos than queues is no fault: one that knows that it owns none is as ready as it will ever be.
            IsReady = consumer.View.ClientIds.Contains(consumer.Client.ClientId)
                && own.All(queue => consumer.Pumps.TryGetValue(queue, out var pump) && pump is { HasBegun: true, IsUnheard: false }),
            Refused = consumer.Refused?.Message ?? string.Empty,
            LatencyCounts = all.LatencyCounts ?? new LatencyHistogram().Snapshot(),
        };
    }
}
