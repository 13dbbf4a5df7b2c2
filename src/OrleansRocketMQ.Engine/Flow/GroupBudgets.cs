using System.Collections.Concurrent;
using OrleansRocketMQ.Configuration;

namespace OrleansRocketMQ.Flow;

/// <summary>The budgets of one group on this silo; the silo's own is shared by all groups. Thread-safe.</summary>
internal sealed class GroupBudgets(ConsumerOptions options, SharedBudget siloBytes)
{
    private readonly SharedBudget _messages = new(options.PullThresholdForAll);
    private readonly ConcurrentDictionary<string, (SharedBudget Messages, SharedBudget Bytes)> _topics = new(StringComparer.Ordinal);

    /// <summary>Bytes of all groups on this silo.</summary>
    public SharedBudget SiloBytes => siloBytes;

    public QueueBudgets Of(string topic)
    {
        var (messages, bytes) = _topics.GetOrAdd(
            topic, static (_, options) => (new(options.PullThresholdForTopic), new(options.PullThresholdBytesForTopic)), options);
        return new QueueBudgets(_messages, messages, bytes, siloBytes);
    }
}
