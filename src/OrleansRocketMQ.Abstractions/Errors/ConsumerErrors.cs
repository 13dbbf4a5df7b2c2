namespace OrleansRocketMQ;

/// <summary>A consumer could not be started; it is tried again unless the cause cannot heal.</summary>
public sealed class ConsumerStartException(string group, string reason, Exception? innerException = null)
    : RocketMQException(RocketMQErrorCode.Start, $"The consumer of group '{group}' could not be started: {reason}", innerException);

/// <summary>The operation is not allowed in the consumer's present state.</summary>
public sealed class ConsumerStateException(string group, string state, string operation)
    : RocketMQException(RocketMQErrorCode.State, $"The consumer of group '{group}' is {state}; it cannot {operation}.");

/// <summary>A queue has no place in this cluster: another member of the group owns it, or nobody knows it yet.</summary>
public sealed class RebalanceException(string message, Exception? innerException = null)
    : RocketMQException(RocketMQErrorCode.Rebalance, message, innerException);
