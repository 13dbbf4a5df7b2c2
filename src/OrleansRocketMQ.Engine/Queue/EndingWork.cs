namespace OrleansRocketMQ.Engine.Queue;

/// <summary>What ends with a queue.</summary>
internal static class EndingWork
{
    /// <summary>Waits for it. Whatever became of it, the queue must be given up, or nobody could have it.</summary>
    /// <param name="ending">What ends.</param>
    /// <param name="tell">Is told of a failure.</param>
    public static async Task DespiteFailureAsync(this Task ending, Action<Exception> tell)
    {
        try
        {
            await ending;
        }
        catch (Exception exception)
        {
            tell(exception);
        }
    }
}
