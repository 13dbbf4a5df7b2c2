namespace OrleansRocketMQ;

/// <summary>
/// A grain that consumes the values of each queue in order; all that <see cref="IOrderlyListener"/> says holds. A class may
/// implement it for several types.
/// </summary>
/// <remarks><inheritdoc cref="IConcurrentListener{T}" path="/remarks"/></remarks>
/// <typeparam name="T">The values' type.</typeparam>
public interface IOrderlyListener<T> : IRocketMQListener
{
    /// <summary>Consumes a batch.</summary>
    /// <param name="messages">
    /// One to <c>ConsumeBatchSize</c> messages that stand one behind the other in their queue, in order. A message of another
    /// type, or one that cannot be read, ends a batch.
    /// </param>
    /// <param name="context">Where they come from; also takes how long to wait before they come again.</param>
    /// <param name="cancellationToken">Fires when the consumer stops and its time to finish is over, or the lock is lost.</param>
    /// <returns>What to do with the batch. An exception counts as <see cref="ConsumeOrderlyResult.SuspendCurrentQueue"/>.</returns>
    ValueTask<ConsumeOrderlyResult> ConsumeAsync(
        MessageBatch<T> messages, ConsumeOrderlyContext context, CancellationToken cancellationToken);
}
