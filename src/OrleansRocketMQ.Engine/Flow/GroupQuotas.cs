using System.Collections.Concurrent;
using OrleansRocketMQ.Configuration;

namespace OrleansRocketMQ.Engine.Flow;

/// <summary>The budgets of one group on this silo; the silo's own is shared by all groups. Thread-safe.</summary>
internal sealed class GroupQuotas(ConsumerOptions options, SharedQuota siloBytes)
{
    private readonly SharedQuota _messages = new(options.PullThresholdForAll);
    private readonly ConcurrentDictionary<string, (SharedQuota Messages, SharedQuota Bytes)> _topics = new(StringComparer.Ordinal);

    /// <summary>Bytes of all groups on this silo.</summary>
    public SharedQuota SiloBytes => siloBytes;

    public QueueQuotas Of(string topic)
    {
        var (messages, bytes) = _topics.GetOrAdd(
            topic, static (_, options) => (new(options.PullThresholdForTopic), new(options.PullThresholdBytesForTopic)), options);
        return new QueueQuotas(_messages, messages, bytes, siloBytes);
    }
}
