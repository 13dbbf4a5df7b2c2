using OrleansRocketMQ.Engine.Contracts;

namespace OrleansRocketMQ.Engine.Dispatch;

/// <summary>Brings the messages of a group's queues to its listener. One for each group and silo. Thread-safe.</summary>
internal interface IQueueDispatcher
{
    /// <summary>Whether messages are given to listeners for the time of a call only, so that their bytes may be of a pool.</summary>
    bool AreLeased => false;

    /// <summary>
    /// Whether messages of a queue, or of a key in it, are to be consumed in their order: where they are popped, in order as well and
    /// by one member.
    /// </summary>
    bool KeepsOrder => false;

    /// <summary>Whether messages that succeeded may wait until the listener commits, be it with messages that come later.</summary>
    bool WaitsForCommits => false;

    /// <summary>Whether messages of a higher priority are handed out first.</summary>
    bool IsByPriority => false;

    void Start();

    /// <summary>A queue has messages nobody works on.</summary>
    void Signal(IDispatchedQueue queue);

    /// <summary>Adds to a queue's snapshot what only the dispatcher knows.</summary>
    QueueSnapshot Describe(IDispatchedQueue queue, QueueSnapshot snapshot) => snapshot;

    /// <summary>Messages of a queue that listeners work on.</summary>
    int InFlightOf(IDispatchedQueue queue) => queue.Runs.InFlight;

    /// <summary>Whether a message that fails stays in its queue, perhaps for long, instead of going back to the broker at once.</summary>
    bool KeepsFailedMessages => false;

    /// <summary>Ends once nothing is dispatched any more. The queues must have been closed before.</summary>
    Task StopAsync();
}
