namespace OrleansRocketMQ;

/// <summary>
/// A grain that consumes the messages of one key in order, while other keys are consumed in parallel all over the
/// cluster. The key is the message's sharding key, or what the group's key selector says; it is also the grain's key, so
/// an <c>Account</c> grain can be the listener of its own messages.
/// </summary>
/// <remarks>Delivery is at least once: a batch may come again after a crash, a time-out, or when a result was lost.</remarks>
public interface IKeyOrderedListener : IMessageListener
{
    /// <summary>Consumes a batch.</summary>
    /// <param name="messages">One to <c>ConsumeBatchSize</c> messages of one key and one queue, in order.</param>
    /// <param name="context">Where they come from; also takes how far they succeeded.</param>
    /// <param name="cancellationToken">Fires when the consumer stops and its time to finish is over.</param>
    /// <returns>
    /// Success, or that the batch is to come again before anything else of its key. An exception counts as
    /// <see cref="ConsumeResult.ReconsumeLater"/>.
    /// </returns>
    ValueTask<ConsumeResult> ConsumeAsync(MessageBatch messages, ConsumeContext context, CancellationToken cancellationToken);
}
