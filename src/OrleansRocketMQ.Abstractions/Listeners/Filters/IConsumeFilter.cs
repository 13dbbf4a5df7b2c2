namespace OrleansRocketMQ;

/// <summary>
/// Stands around each call of a listener, whatever its kind: grains of messages and of values, in order, by key or in no order,
/// plain handlers, delegates. Mirrors <c>ConsumeMessageHook</c>, and may do more than look.
/// </summary>
/// <remarks>
/// <para>
/// Registered by <c>rocketmq.AddConsumeFilter&lt;T&gt;()</c> for all groups of a silo, or by <c>consumer.AddFilter&lt;T&gt;()</c>
/// for one. Those for all come first, each kind in the order in which they were added; the first is the outermost. They run on
/// the silo of the listener, within its grain's turn, and share its token and its time (<c>ConsumeTimeout</c>).
/// </para>
/// <para>
/// For each call there is a container scope, which a plain handler shares. A filter is taken from it where the class is
/// registered, with the lifetime it has there; otherwise it is made for the call with the scope's services and disposed of with
/// it.
/// </para>
/// <para>
/// A message that cannot be read is no call, so filters do not see it.
/// </para>
/// </remarks>
public interface IConsumeFilter
{
    /// <summary>Filters a call.</summary>
    /// <param name="call">The messages, where they come from, and after <paramref name="next"/> the result.</param>
    /// <param name="next">
    /// Calls the next filter, at last the listener, and throws what these throw. May be called again when it has ended, for
    /// another try with the same messages; not beside itself.
    /// </param>
    /// <param name="cancellationToken">As for the listener.</param>
    /// <returns>
    /// Done when the filter is. An exception fails the call, as one of the listener does. So does a filter that has neither
    /// called <paramref name="next"/> nor set a result, that has not waited for <paramref name="next"/>
    /// (<see cref="FilterException"/>), or that has caught an exception and set no result (that exception).
    /// </returns>
    Task InvokeAsync(ConsumeCall call, Func<Task> next, CancellationToken cancellationToken);
}
