using OrleansRocketMQ.Queues;

namespace OrleansRocketMQ.Dispatch;

/// <summary>Brings the messages of a group's queues to its listener. One for each group and silo. Thread-safe.</summary>
internal interface IQueueDispatcher
{
    void Start();

    /// <summary>A queue has messages nobody works on.</summary>
    void Signal(QueuePump queue);

    /// <summary>Ends once nothing is dispatched any more. The queues must have been closed before.</summary>
    Task StopAsync();
}
