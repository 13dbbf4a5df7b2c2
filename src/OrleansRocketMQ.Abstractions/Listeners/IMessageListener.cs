using Orleans;

namespace OrleansRocketMQ;

/// <summary>
/// What all listener grains have in common. A listener implements exactly one of the kinds, which decides how its
/// group consumes: <see cref="IConcurrentListener"/>, <see cref="IOrderlyListener"/> or <see cref="IKeyOrderedListener"/>.
/// </summary>
public interface IMessageListener : IGrainWithStringKey;
