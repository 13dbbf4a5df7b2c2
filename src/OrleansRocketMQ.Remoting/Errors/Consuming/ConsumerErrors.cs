namespace OrleansRocketMQ;

/// <summary>A consumer could not be started; it is tried again unless the cause cannot heal.</summary>
public sealed class ConsumerStartException(string group, string reason, Exception? innerException = null)
    : RocketMQException(RocketMQErrorCode.Start, $"The consumer of group '{group}' could not be started: {reason}", innerException);

/// <summary>A consumer has stopped, but not as it should: listeners did not end in time. What they had comes again.</summary>
public sealed class ConsumerShutdownException(string group, string reason, Exception? innerException = null)
    : RocketMQException(RocketMQErrorCode.Shutdown, $"The consumer of group '{group}' did not stop well: {reason}", innerException);

/// <summary>The operation is not allowed in the consumer's present state.</summary>
public sealed class ConsumerStateException(string group, string state, string operation)
    : RocketMQException(RocketMQErrorCode.State, $"The consumer of group '{group}' is {state}; it cannot {operation}.");

/// <summary>A queue has no place in this cluster: another member of the group owns it, or nobody knows it yet.</summary>
public sealed class RebalanceException(string message, Exception? innerException = null)
    : RocketMQException(RocketMQErrorCode.Rebalance, message, innerException);

/// <summary>A message was not consumed, and the broker did not take it back either; it stays in its queue and is tried again.</summary>
public sealed class MessageConsumeException(string message, Exception? innerException = null)
    : RocketMQException(RocketMQErrorCode.MessageConsume, message, innerException);

/// <summary>Messages could not be pulled from a queue; it is tried again unless auto recovery is off.</summary>
public sealed class MessagePullException(MessageQueue queue, string reason, Exception? innerException = null)
    : RocketMQException(RocketMQErrorCode.MessagePull, $"{queue} could not be pulled from: {reason}", innerException);

/// <summary>A queue's start offset could not be found; nothing of the queue is consumed before it is known.</summary>
public sealed class OffsetFetchException(MessageQueue queue, string reason, Exception? innerException = null)
    : RocketMQException(RocketMQErrorCode.OffsetFetch, $"The offset of {queue} could not be read: {reason}", innerException);

/// <summary>
/// A queue's offset could not be stored; it is tried again, and until then what was consumed may come again after a crash.
/// </summary>
public sealed class OffsetException(MessageQueue queue, string reason, Exception? innerException = null)
    : RocketMQException(RocketMQErrorCode.Offset, $"The offset of {queue} could not be kept: {reason}", innerException);
