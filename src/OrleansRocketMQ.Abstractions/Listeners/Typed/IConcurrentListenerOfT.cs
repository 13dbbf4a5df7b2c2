namespace OrleansRocketMQ;

/// <summary>
/// A grain that consumes values, many batches of one queue at the same time; all that <see cref="IConcurrentListener"/> says
/// holds. A class may implement it for several types.
/// </summary>
/// <remarks>
/// <para>
/// The interface is no grain interface: values do not travel between silos, bodies do, so the type needs no Orleans
/// serializer. The class derives from <c>Grain</c> and implements the empty grain interface <see cref="IMessageListener"/>, too,
/// by which Orleans knows it; without it the silo is refused.
/// </para>
/// <para>
/// Which messages hold which type is said where the group is declared (<c>consumer.Subscribe&lt;T&gt;(topic, match)</c>); a class
/// for one type need not say it, all messages of its group are taken for that type. A message that cannot be read never gets
/// here; what becomes of it says the group's <c>UnreadableHandling</c>.
/// </para>
/// </remarks>
/// <typeparam name="T">The values' type.</typeparam>
public interface IConcurrentListener<T> : IRocketMQListener
{
    /// <summary>Consumes a batch.</summary>
    /// <param name="messages">
    /// One to <c>ConsumeBatchSize</c> messages of one queue that stand one behind the other there, in order. A message of
    /// another type, or one that cannot be read, ends a batch.
    /// </param>
    /// <param name="context">Where they come from; also takes how far they succeeded, and when to try again.</param>
    /// <param name="cancellationToken">Fires when the batch takes too long, or the consumer stops and its time to finish is over.</param>
    /// <returns>
    /// Success, or that the batch is to come again. An exception counts as <see cref="ConsumeResult.ReconsumeLater"/>.
    /// </returns>
    ValueTask<ConsumeResult> ConsumeAsync(MessageBatch<T> messages, ConsumeContext context, CancellationToken cancellationToken);
}
