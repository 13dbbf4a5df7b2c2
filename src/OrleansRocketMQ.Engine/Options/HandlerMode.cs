namespace OrleansRocketMQ.Configuration;

/// <summary>
/// How a group consumes whose listeners are plain handlers. Listener grains say it by their interface instead.
/// </summary>
public enum HandlerMode
{
    /// <summary>Many messages of a queue at the same time, in no order; as <c>IConcurrentListener</c>.</summary>
    Concurrent = 0,

    /// <summary>Each queue in order, one message at a time, under the broker's lock; as <c>IOrderlyListener</c>.</summary>
    Orderly = 1,

    /// <summary>The messages of a sharding key in order, keys beside each other; as <c>IKeyOrderedListener</c>.</summary>
    KeyOrdered = 2,
}
