namespace OrleansRocketMQ;

/// <summary>
/// A grain that consumes messages as <see cref="IConcurrentListener"/> does, but may read them only until its call has ended: their
/// bytes are of a pool, so that a message costs hardly any memory. For listeners that read a body and are done with it.
/// </summary>
/// <remarks>
/// <para>
/// The class must be a <c>[StatelessWorker]</c>: it runs on the silo of its queue, where the bytes are. What the call leaves
/// running behind itself must not touch the messages; what is to stay is copied by <see cref="LeasedMessage.ToOwned"/>. A call that
/// takes too long, or that nobody waits for any more, keeps its messages until it really ends.
/// </para>
/// <para>
/// Whatever else needs a message beyond its call (retries, dead letters, parking) works on a copy of its own. A message that stays
/// undone keeps all that was pulled with it in memory, and <c>MaxCachedBytes</c> counts the array of the pool.
/// </para>
/// </remarks>
public interface ILeasedListener : IMessageListener
{
    /// <summary>Consumes a batch.</summary>
    /// <param name="messages">One to <c>ConsumeBatchSize</c> messages of one queue, in order, to be read inside of this call only.</param>
    /// <param name="context">Where they come from; also takes how far they succeeded, and when to try again.</param>
    /// <param name="cancellationToken">Fires when the consumer stops and its time to finish is over.</param>
    /// <returns>
    /// Success, or that the batch is to come again. An exception counts as <see cref="ConsumeResult.ReconsumeLater"/>.
    /// </returns>
    ValueTask<ConsumeResult> ConsumeAsync(LeasedBatch messages, ConsumeContext context, CancellationToken cancellationToken);
}
