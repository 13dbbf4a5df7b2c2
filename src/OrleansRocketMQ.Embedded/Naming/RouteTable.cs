using System.Collections.Concurrent;
using OrleansRocketMQ.Embedded.Topics;

namespace OrleansRocketMQ.Embedded.Naming;

/// <summary>What a broker tells the name server about itself; asked for at each look-up, so it is never out of date.</summary>
internal interface IRegisteredBroker
{
    string Name { get; }

    string ClusterName { get; }

    string Address { get; }

    TopicConfig? FindTopic(string topic);

    IEnumerable<TopicConfig> Topics { get; }
}

/// <summary>The brokers a name server knows. Mirrors <c>RouteInfoManager</c>. Thread-safe.</summary>
internal sealed class RouteTable
{
    private readonly ConcurrentDictionary<string, IRegisteredBroker> _brokers = new(StringComparer.Ordinal);

    public IReadOnlyList<IRegisteredBroker> Brokers => [.. _brokers.Values.OrderBy(broker => broker.Name, StringComparer.Ordinal)];

    public void Register(IRegisteredBroker broker) => _brokers[broker.Name] = broker;

    public void Unregister(string brokerName) => _brokers.TryRemove(brokerName, out _);
}
