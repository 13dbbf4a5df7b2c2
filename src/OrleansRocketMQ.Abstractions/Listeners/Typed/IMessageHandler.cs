namespace OrleansRocketMQ;

/// <summary>
/// A plain class that handles values, one message at a time. For each message a new one is taken from a container scope of
/// its own, so it may ask for scoped services, and its fields are one message's. It need not be registered; what it
/// disposes of is disposed of with the scope.
/// </summary>
/// <remarks>
/// How messages follow each other says the group's <c>HandlerMode</c>: many at once (the default), in the order of the
/// queue, or in the order of each sharding key. Delivery is at least once.
/// </remarks>
/// <typeparam name="T">The values' type.</typeparam>
public interface IMessageHandler<T>
{
    /// <summary>Handles a message. That it ends without an exception means success; one it throws on comes again.</summary>
    /// <param name="message">The value, and the message it came in.</param>
    /// <param name="context">Where it comes from. Belongs to this call: do not keep it.</param>
    /// <param name="cancellationToken">
    /// Fires when the message takes too long, when the consumer stops and its time to finish is over, or when the queue's lock
    /// is lost.
    /// </param>
    Task HandleAsync(Message<T> message, MessageContext context, CancellationToken cancellationToken);
}
