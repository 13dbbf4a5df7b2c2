namespace OrleansRocketMQ;

/// <summary>
/// A grain that consumes the values of one key in order, while other keys are consumed in parallel all over the cluster; all
/// that <see cref="IKeyOrderedListener"/> says holds. A class may implement it for several types.
/// </summary>
/// <remarks><inheritdoc cref="IConcurrentListener{T}" path="/remarks"/></remarks>
/// <typeparam name="T">The values' type.</typeparam>
public interface IKeyOrderedListener<T> : IRocketMQListener
{
    /// <summary>Consumes a batch.</summary>
    /// <param name="messages">
    /// One to <c>ConsumeBatchSize</c> messages of one key and one queue that stand one behind the other there, in order. A
    /// message of another type, or one that cannot be read, ends a batch.
    /// </param>
    /// <param name="context">Where they come from; also takes how far they succeeded.</param>
    /// <param name="cancellationToken">Fires when the batch takes too long, or the consumer stops and its time to finish is over.</param>
    /// <returns>
    /// Success, or that the batch is to come again before anything else of its key. An exception counts as
    /// <see cref="ConsumeResult.ReconsumeLater"/>.
    /// </returns>
    ValueTask<ConsumeResult> ConsumeAsync(MessageBatch<T> messages, ConsumeContext context, CancellationToken cancellationToken);
}
