namespace OrleansRocketMQ.Engine.Queue;

/// <summary>How long a queue may stand still where it waits for others, before somebody should look.</summary>
/// <param name="Listeners">For listeners.</param>
/// <param name="Pull">For the answer to a pull.</param>
/// <param name="Servers">For any other answer, and for the next attempt after a failure.</param>
internal sealed record QueuePatience(TimeSpan Listeners, TimeSpan Pull, TimeSpan Servers)
{
    /// <summary>
    /// How long a state may last in which nothing moves; null for one that lasts until somebody or another member ends it.
    /// </summary>
    public TimeSpan? Of(QueueTask task) => task switch
    {
        QueueTask.Pull => Listeners > Pull ? Listeners : Pull,
        QueueTask.WaitForListeners => Listeners,
        QueueTask.FindOffset or QueueTask.CompareWithStore or QueueTask.StoreOffset or QueueTask.WaitForRetry => Servers,
        _ => null,
    };
}
