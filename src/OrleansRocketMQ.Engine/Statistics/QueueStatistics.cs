using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Ports;

namespace OrleansRocketMQ.Engine.Statistics;

/// <summary>
/// What was consumed of one queue on this silo. Counted per run of messages, a handful of atomic additions each; topics and
/// groups are summed up when somebody asks. Thread-safe.
/// </summary>
internal sealed class QueueStatistics(TimeProvider time, IQueueMetrics? metrics = null)
{
    // Of one message. Whatever a producer's clock says, times stay ones that can be counted and told.
    private const long LongestLatency = 100L * 366 * 24 * 60 * 60 * 1000;

    private readonly RateMeter _rate = new();
    private LatencyHistogram? _latency;
    private long _consumed;
    private long _failed;
    private long _sentBack;
    private long _timedOut;
    private double _latencySum;
    private long _latencyMax;
    private long _listenerTicks;

    /// <summary>What happened of late, for RocketMQ's admin tools.</summary>
    public QueueActivity Recent { get; } = new(time);

    /// <summary>What is told to the silo's meter, too; null where there is none.</summary>
    public IQueueMetrics? Metrics => metrics;

    /// <summary>Counts messages a listener was done with, be it successfully or not.</summary>
    /// <param name="messages">The messages.</param>
    /// <param name="failures">Those that failed; null when none did.</param>
    /// <param name="listenerTime">The time the listener took for all of them.</param>
    public void Count(ReadOnlySpan<MessageExt> messages, IReadOnlyList<FailedMessage>? failures, TimeSpan listenerTime)
    {
        metrics?.Failed(failures);
        CountAll(messages, failures?.Count ?? 0, listenerTime);
    }

    /// <summary>Counts messages a listener was done with, be it successfully or not.</summary>
    /// <param name="messages">The messages.</param>
    /// <param name="failures">How many of them failed.</param>
    /// <param name="listenerTime">The time the listener took for all of them.</param>
    /// <param name="errorType">Why they failed.</param>
    public void Count(ReadOnlySpan<MessageExt> messages, int failures, TimeSpan listenerTime = default, string? errorType = null)
    {
        metrics?.Failed(failures, errorType);
        CountAll(messages, failures, listenerTime);
    }

    private void CountAll(ReadOnlySpan<MessageExt> messages, int failures, TimeSpan listenerTime)
    {
        if (messages.IsEmpty)
        {
            return;
        }

        var succeeded = messages.Length - failures;
        metrics?.Succeeded(succeeded);
        Recent.Consumed(succeeded, failures, listenerTime);
        Interlocked.Add(ref _consumed, succeeded);
        if (failures > 0)
        {
            Interlocked.Add(ref _failed, failures);
        }

        Interlocked.Add(ref _listenerTicks, listenerTime.Ticks);
        var now = time.GetUtcNow().ToUnixTimeMilliseconds();
        _rate.Count(now, succeeded);

        // From the producer's clock to now. Messages of one run are mostly of one age; those are counted together.
        var histogram = LazyInitializer.EnsureInitialized(ref _latency);
        var (sum, max) = (0.0, 0L);
        var index = 0;
        while (index < messages.Length)
        {
            var born = messages[index].BornTimestamp;
            var same = 1;
            while (index + same < messages.Length && messages[index + same].BornTimestamp == born)
            {
                same++;
            }

            // Clocks that disagree must not make times negative.
            var latency = Math.Min(LongestLatency, Math.Max(0, now - born)) * 1000;
            histogram.Record(latency, same);
            sum += (double)latency * same;
            max = Math.Max(max, latency);
            index += same;
        }

        double before;
        do
        {
            before = Volatile.Read(ref _latencySum);
        }
        while (Interlocked.CompareExchange(ref _latencySum, before + sum, before) != before);

        long known;
        while ((known = Volatile.Read(ref _latencyMax)) < max)
        {
            Interlocked.CompareExchange(ref _latencyMax, max, known);
        }
    }

    /// <summary>Somebody has a failed message now: the broker, to bring it again or filed as dead, or the list of parked ones.</summary>
    public void CountPublished(PublishOutcome outcome, bool asDead)
    {
        if (outcome == PublishOutcome.Parked)
        {
            metrics?.Parked();
            return;
        }

        Interlocked.Increment(ref _sentBack);
        if (asDead)
        {
            metrics?.FiledAsDead(1);
        }
        else
        {
            metrics?.Retried(1);
        }
    }

    /// <summary>Messages a listener had for too long; they count among the failures, too.</summary>
    public void CountTimedOut(int messages) => Interlocked.Add(ref _timedOut, messages);

    public ConsumeTotals Totals() => new()
    {
        Consumed = Interlocked.Read(ref _consumed),
        Failed = Interlocked.Read(ref _failed),
        SentBack = Interlocked.Read(ref _sentBack),
        TimedOut = Interlocked.Read(ref _timedOut),
        MessagesPerSecond = _rate.PerSecond(time.GetUtcNow().ToUnixTimeMilliseconds()),
        LatencySumMicroseconds = Volatile.Read(ref _latencySum),
        LatencyMaxMicroseconds = Interlocked.Read(ref _latencyMax),
        LatencyCounts = Volatile.Read(ref _latency)?.Snapshot(),
        ListenerTicks = Interlocked.Read(ref _listenerTicks),
    };
}
