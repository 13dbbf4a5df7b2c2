namespace OrleansRocketMQ.Connections;

/// <summary>
/// Raises an event to each of its handlers: one that fails keeps it neither from the others nor its raiser from going on.
/// </summary>
internal static class EachHandler
{
    public static void Raise<T>(Action<T>? handlers, T argument, Action<Exception> onFailure)
    {
        if (handlers is null)
        {
            return;
        }

        foreach (var handler in Delegate.EnumerateInvocationList(handlers))
        {
            try
            {
                handler(argument);
            }
            catch (Exception exception)
            {
                onFailure(exception);
            }
        }
    }
}
