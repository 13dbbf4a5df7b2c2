namespace OrleansRocketMQ;

/// <summary>
/// A grain that consumes the messages of one key in order, while other keys are consumed in parallel all over the
/// cluster. The key is the message's sharding key, or what the group's key selector says; it is also the grain's key, so
/// an <c>Account</c> grain can be the listener of its own messages.
/// </summary>
/// <remarks>
/// <para>
/// What is promised: of the messages of one key in one queue, a message is given to the listener only after all before it
/// have succeeded or have gone to the dead letters. After a crash the last of them may come again, in order again. The
/// producer must send all messages of a key to the same queue (hash selector); with one key in several queues the calls
/// still never overlap, because the grain does one after the other, but their order is anybody's.
/// </para>
/// <para>
/// A message that fails comes again after a pause that grows, and only its key waits. After as many attempts as the group
/// allows it goes to the dead letters, and the key goes on; <see cref="ConsumeContext.ToDeadLetters"/> sends it there at
/// once, other delay levels mean nothing here. Of a batch that failed the first message comes again alone. A queue reads
/// ahead of a waiting key as far as its limits of messages and span allow, then it waits, too.
/// </para>
/// <para>
/// The grain lives where its class's placement puts it, on any silo. Its identity is the class and the key: two groups or
/// topics with the same class and key share a grain, which is what an <c>Account</c> that hears of several topics wants;
/// give each its own class if not. The class must be neither a stateless worker nor reentrant. Messages without a key
/// go to grains with a key of the form <c>silo/slot</c>, in no order, and back to the broker when they fail.
/// </para>
/// <para>Delivery is at least once: a batch may come again after a crash, a time-out, or when a result was lost.</para>
/// </remarks>
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
