namespace OrleansRocketMQ.Telemetry;

/// <summary>
/// Starts work that outlives whoever starts it. It takes no context along: otherwise all that a queue ever does would
/// belong to the trace of the call that started the queue.
/// </summary>
internal static class Detached
{
    public static Task Run(Func<Task> work)
    {
        if (ExecutionContext.IsFlowSuppressed())
        {
            return Task.Run(work);
        }

        using (ExecutionContext.SuppressFlow())
        {
            return Task.Run(work);
        }
    }
}
