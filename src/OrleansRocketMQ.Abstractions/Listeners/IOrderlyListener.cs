namespace OrleansRocketMQ;

/// <summary>
/// A grain that consumes each queue in order, one batch at a time, while this silo holds the queue's lock at the broker.
/// Mirrors <c>MessageListenerOrderly</c>.
/// </summary>
/// <remarks>
/// <para>
/// The grain's key names the queue (<c>group/topic/queueId/broker</c>), so each queue has its own grain and its fields need
/// no locks.
/// </para>
/// <para>
/// Mark the class <c>[PreferLocalPlacement]</c>: its grains then live on the silo that owns their queue, are let go when the
/// queue moves, and come back beside it, so a call stays in the process. With the host's default placement most of them
/// live elsewhere, and every run of messages crosses the network and is copied. Not for <c>[StatelessWorker]</c> classes:
/// several grains would share a queue's fields.
/// </para>
/// <para>
/// Delivery is at least once: a batch may come again after a crash, after its lock was lost, or when a result was lost. It
/// never comes after a later one of its queue has succeeded, except that what was not committed then comes again in order.
/// </para>
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
