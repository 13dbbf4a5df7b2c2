namespace OrleansRocketMQ;

/// <summary>
/// A grain that consumes messages, many batches of one queue at the same time. Mirrors <c>MessageListenerConcurrently</c>.
/// </summary>
/// <remarks>
/// <para>
/// Mark the class <c>[StatelessWorker]</c> to run it on the silo that owns the queue, which is fastest. Without it the
/// grains spread over the cluster by the host's placement: wider than the queues, at the price of a network call.
/// </para>
/// <para>
/// Each grain gets one batch at a time, so its fields need no locks. The grain's key is a number of the dispatcher
/// (<c>silo/slot</c>) without a meaning of its own.
/// </para>
/// <para>
/// Delivery is at least once: a batch may come again after a crash, a time-out, or when a result was lost.
/// </para>
/// </remarks>
public interface IConcurrentListener : IMessageListener
{
    /// <summary>Consumes a batch.</summary>
    /// <param name="messages">One to <c>ConsumeBatchSize</c> messages of one queue, in order.</param>
    /// <param name="context">Where they come from; also takes how far they succeeded, and when to try again.</param>
    /// <param name="cancellationToken">Fires when the consumer stops and its time to finish is over.</param>
    /// <returns>
    /// Success, or that the batch is to come again. An exception counts as <see cref="ConsumeResult.ReconsumeLater"/>.
    /// </returns>
    ValueTask<ConsumeResult> ConsumeAsync(MessageBatch messages, ConsumeContext context, CancellationToken cancellationToken);
}
