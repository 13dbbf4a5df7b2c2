using OrleansRocketMQ.Engine.Queue;

namespace OrleansRocketMQ.Engine.Rebalance;

/// <summary>
/// Starts queues on this member and lets them go to others: each runs at one member at most, and that is the directory's
/// word. Thread-safe.
/// </summary>
internal interface IQueueDirectory
{
    /// <summary>The name of this member.</summary>
    string Here { get; }

    /// <summary>Has a queue run where it belongs, unless it runs already.</summary>
    /// <returns>The name of the member it runs at; null when it is about to leave there.</returns>
    /// <exception cref="Exception">It could not be started, or nobody knows whether it was.</exception>
    Task<string?> StartAsync(MessageQueue queue);

    /// <summary>
    /// Stops a queue that runs here, then lets it go: to the member that owns it now, taking along how far it is, or for good
    /// when another program does.
    /// </summary>
    /// <param name="pump">The queue.</param>
    /// <param name="budget">How long its listeners may take.</param>
    Task ReleaseAsync(IGroupQueue pump, TimeSpan budget);
}
