namespace OrleansRocketMQ.Connections;

/// <summary>
/// Starts what outlives its caller without the caller's context: activities, request contexts and other AsyncLocal values.
/// </summary>
internal static class OutOfContext
{
    public static T Start<T>(Func<T> start)
    {
        if (ExecutionContext.IsFlowSuppressed())
        {
            return start();
        }

        using (ExecutionContext.SuppressFlow())
        {
            return start();
        }
    }
}
