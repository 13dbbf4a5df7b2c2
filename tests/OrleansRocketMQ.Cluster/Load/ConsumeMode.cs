namespace OrleansRocketMQ.Cluster.Load;

/// <summary>What kind of listener a loaded group has, and with it which order is promised.</summary>
public enum ConsumeMode
{
    /// <summary>No order.</summary>
    Concurrent,

    /// <summary>Each queue in order.</summary>
    Orderly,

    /// <summary>Each key in order.</summary>
    KeyOrdered,
}
