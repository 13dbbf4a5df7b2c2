using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Ports;

namespace OrleansRocketMQ.Engine.Statistics;

/// <summary>What one group did on this silo since it started. Thread-safe.</summary>
/// <param name="time">The clock.</param>
/// <param name="metricsOf">What a queue tells the process's meter; null where there is none.</param>
/// <param name="rebalanced">Hears of each change of the allocation.</param>
internal sealed class GroupStatistics(TimeProvider time, Func<MessageQueue, IQueueMetrics>? metricsOf = null, Action? rebalanced = null)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<MessageQueue, QueueStatistics> _queues = [];
    private readonly Dictionary<string, ConsumeTotals> _gone = new(StringComparer.Ordinal);
    private readonly long _startedAt = time.GetTimestamp();
    private long _rebalances;
    private long _lateResults;
    private long _commitFailures;

    /// <summary>How long the group has been running here.</summary>
    public TimeSpan Uptime => time.GetElapsedTime(_startedAt);

    /// <summary>How often the allocation of the group's queues has changed.</summary>
    public long Rebalances => Interlocked.Read(ref _rebalances);

    /// <summary>
    /// Listener calls that ended after their messages had been sent back for taking too long; what they said was ignored.
    /// </summary>
    public long LateResults => Interlocked.Read(ref _lateResults);

    public void CountRebalance()
    {
        Interlocked.Increment(ref _rebalances);
        rebalanced?.Invoke();
    }

    /// <summary>Attempts to store the progress of a queue that failed, over all starts of the group.</summary>
    public long CommitFailures => Interlocked.Read(ref _commitFailures);

    public void CountCommitFailure() => Interlocked.Increment(ref _commitFailures);

    public void CountLateResult() => Interlocked.Increment(ref _lateResults);

    /// <summary>The counters of a queue that starts here.</summary>
    public QueueStatistics Open(MessageQueue queue)
    {
        lock (_gate)
        {
            if (!_queues.TryGetValue(queue, out var statistics))
            {
                _queues[queue] = statistics = new QueueStatistics(time, metricsOf?.Invoke(queue));
            }

            return statistics;
        }
    }

    /// <summary>The queue has left; what was counted stays in its topic's sums.</summary>
    public void Close(MessageQueue queue)
    {
        lock (_gate)
        {
            if (!_queues.Remove(queue, out var statistics))
            {
                return;
            }

            if (!_gone.TryGetValue(queue.Topic, out var totals))
            {
                _gone[queue.Topic] = totals = new ConsumeTotals();
            }

            var last = statistics.Totals();
            last.MessagesPerSecond = 0;
            totals.Add(last);
        }
    }

    /// <summary>Sums by topic, queues that have left included.</summary>
    public IReadOnlyDictionary<string, ConsumeTotals> ByTopic()
    {
        var topics = new Dictionary<string, ConsumeTotals>(StringComparer.Ordinal);
        lock (_gate)
        {
            foreach (var (topic, totals) in _gone)
            {
                Of(topic).Add(totals);
            }

            foreach (var (queue, statistics) in _queues)
            {
                Of(queue.Topic).Add(statistics.Totals());
            }
        }

        return topics;

        ConsumeTotals Of(string topic)
        {
            if (!topics.TryGetValue(topic, out var totals))
            {
                topics[topic] = totals = new ConsumeTotals();
            }

            return totals;
        }
    }
}
