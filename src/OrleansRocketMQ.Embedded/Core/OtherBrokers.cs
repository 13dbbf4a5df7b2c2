using OrleansRocketMQ.Embedded.StaticTopics;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Embedded.Core;

/// <summary>What a broker knows of those under the same name server.</summary>
/// <param name="QueuesOf">A topic's queues at all brokers; null: there is no such topic.</param>
/// <param name="Forward">Asks one of them.</param>
internal sealed record OtherBrokers(Func<string, IReadOnlyList<QueueKey>?> QueuesOf, Forward Forward);
