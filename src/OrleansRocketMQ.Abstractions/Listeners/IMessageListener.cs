using Orleans;

namespace OrleansRocketMQ;

/// <summary>
/// What all listener grains of messages as they came have in common. A listener implements exactly one of the kinds, which
/// decides how its group consumes: <see cref="IConcurrentListener"/>, <see cref="IOrderlyListener"/> or
/// <see cref="IKeyOrderedListener"/>. Listeners of values implement this and one of the
/// same names with a type.
/// </summary>
public interface IMessageListener : IGrainWithStringKey, IRocketMQListener;
