namespace OrleansRocketMQ;

/// <summary>
/// What all listeners have in common, those of messages as they came (<see cref="IMessageListener"/>) and those of values
/// (<see cref="IConcurrentListener{T}"/>, <see cref="IOrderlyListener{T}"/>, <see cref="IKeyOrderedListener{T}"/>). Implement
/// one of these, not this one.
/// </summary>
public interface IRocketMQListener;
