namespace OrleansRocketMQ.Engine.Offsets;

/// <summary>A queue whose progress is stored from time to time.</summary>
internal interface IStoredQueue
{
    MessageQueue Queue { get; }

    /// <summary>The broker set that its requests go to just now.</summary>
    string Broker { get; }

    /// <summary>Whether there may be anything to tell the store, or to ask it. Asked of every queue in every round.</summary>
    bool MayHaveNews { get; }

    /// <summary>Tells the store how far the queue is.</summary>
    /// <exception cref="RocketMQException">It did not take it; it is told again next time.</exception>
    Task CommitAsync();
}
