using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Engine.Offsets;

/// <summary>
/// Finds where a queue is to be consumed from: the group's stored offset, or what <see cref="ConsumeFromWhere"/> says.
/// Mirrors <c>RebalancePushImpl.computePullFromWhereWithException</c>.
/// </summary>
internal sealed class StartOffset(IOffsetStore store, IQueueBroker brokers, ConsumerOptions options, DateTimeOffset startedAt)
{
    // Java's default: half an hour before the consumer was made.
    private readonly DateTimeOffset _timestamp = options.ConsumeTimestamp ?? startedAt - TimeSpan.FromMinutes(30);

    /// <exception cref="RocketMQException">
    /// The store or the broker could not be asked. The queue must not start: any guess would lose or repeat messages.
    /// </exception>
    public async Task<long> FindAsync(string masterAddress, MessageQueue queue, CancellationToken cancellationToken)
    {
        if (await store.ReadAsync(queue, OffsetReadMode.Store, cancellationToken) is { } offset)
        {
            return offset;
        }

        var isRetry = SystemTopics.IsRetry(queue.Topic);
        return options.ConsumeFromWhere switch
        {
            // What the group popped once and has not acknowledged, be the topic as old as it may.
            _ when isRetry && queue.Topic != SystemTopics.Retry(options.Group) => 0,

            // Messages in %RETRY% are the group's own unfinished work, however old.
            ConsumeFromWhere.LastOffset or ConsumeFromWhere.MaxOffset or ConsumeFromWhere.MinOffset when isRetry => 0,
            ConsumeFromWhere.FirstOffset => 0,
            ConsumeFromWhere.MinOffset => await brokers.GetMinOffsetAsync(masterAddress, queue, cancellationToken),
            ConsumeFromWhere.Timestamp when !isRetry => await brokers
                .SearchOffsetAsync(masterAddress, queue, _timestamp.ToUnixTimeMilliseconds(), cancellationToken),
            _ => await brokers.GetMaxOffsetAsync(masterAddress, queue, cancellationToken),
        };
    }
}
