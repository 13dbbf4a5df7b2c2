namespace OrleansRocketMQ.Producing;

/// <summary>
/// Stands around each send of a producer: of a message, a batch, a half message, a value, with or without waiting for the
/// broker. Given to the producer as <see cref="ProducerOptions.Filters"/>. Must be thread-safe: sends run beside each other.
/// Mirrors <c>SendMessageHook</c>, and may do more than look.
/// </summary>
public interface ISendFilter
{
    /// <summary>Filters a send.</summary>
    /// <param name="call">The messages, which may be changed, and after <paramref name="next"/> the result.</param>
    /// <param name="next">
    /// Calls the next filter, at last the send with all its attempts, and throws what these throw. May be called again when it
    /// has ended, for another try; not beside itself.
    /// </param>
    /// <param name="cancellationToken">The caller's.</param>
    /// <returns>
    /// Done when the filter is. An exception is the caller's. So is a <see cref="FilterException"/> when the filter has neither
    /// called <paramref name="next"/> nor set a result, or has not waited for <paramref name="next"/>; and an exception that it
    /// has caught without setting a result.
    /// </returns>
    Task InvokeAsync(SendCall call, Func<Task> next, CancellationToken cancellationToken);
}
