namespace OrleansRocketMQ;

/// <summary>
/// A grain that consumes each queue in order, one batch at a time, while this silo holds the queue's lock at the broker.
/// Mirrors <c>MessageListenerOrderly</c>.
/// </summary>
/// <remarks>
/// <para>The grain's key names the queue (<c>topic/queueId/broker</c>), so each queue has its own grain and its fields
/// need no locks.</para>
/// <para>Delivery is at least once: a batch may come again after a crash, or when a result was lost.</para>
/// </remarks>
public interface IOrderlyListener : IMessageListener
{
    /// <summary>Consumes a batch.</summary>
    /// <param name="messages">One to <c>ConsumeBatchSize</c> messages of one queue, in order.</param>
    /// <param name="context">Where they come from; also takes how long to wait before they come again.</param>
    /// <param name="cancellationToken">Fires when the consumer stops and its time to finish is over, or the lock is lost.</param>
    /// <returns>What to do with the batch. An exception counts as <see cref="ConsumeOrderlyResult.SuspendCurrentQueue"/>.</returns>
    ValueTask<ConsumeOrderlyResult> ConsumeAsync(MessageBatch messages, ConsumeOrderlyContext context, CancellationToken cancellationToken);
}
