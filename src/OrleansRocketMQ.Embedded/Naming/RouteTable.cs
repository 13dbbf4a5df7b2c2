using System.Collections.Concurrent;
using OrleansRocketMQ.Embedded.Topics;

namespace OrleansRocketMQ.Embedded.Naming;

/// <summary>What a broker tells the name server about itself; asked for at each look-up, so it is never out of date.</summary>
internal interface IRegisteredBroker
{
    string Name { get; }

    /// <summary>0 for the master, more for its slaves.</summary>
    long BrokerId { get; }

    string ClusterName { get; }

    string Address { get; }

    TopicConfig? FindTopic(string topic);

    IEnumerable<TopicConfig> Topics { get; }
}

/// <summary>The brokers a name server knows. Mirrors <c>RouteInfoManager</c>. Thread-safe.</summary>
internal sealed class RouteTable
{
    private readonly ConcurrentDictionary<(string Name, long Id), IRegisteredBroker> _brokers = new();

    /// <summary>The broker sets by name, each with its members by id: the master, if it is there, is the first.</summary>
    public IReadOnlyList<IReadOnlyList<IRegisteredBroker>> Sets =>
    [
        .. _brokers.Values.GroupBy(broker => broker.Name, StringComparer.Ordinal)
            .OrderBy(set => set.Key, StringComparer.Ordinal)
            .Select(set => set.OrderBy(broker => broker.BrokerId).ToArray()),
    ];

    /// <summary>The queues of a topic that can be read, as their brokers' names and ids; null when nobody has the topic.</summary>
    public IReadOnlyList<(string Broker, int QueueId)>? ReadQueuesOf(string topic)
    {
        var found = Sets.Select(set => (set[0].Name, Topic: set[0].FindTopic(topic))).Where(set => set.Topic is not null).ToList();
        return found.Count == 0
            ? null
            :
            [
                .. found.Where(set => set.Topic!.IsReadable)
                    .SelectMany(set => Enumerable.Range(0, set.Topic!.ReadQueues).Select(queueId => (set.Name, queueId))),
            ];
    }

    public void Register(IRegisteredBroker broker) => _brokers[(broker.Name, broker.BrokerId)] = broker;

    public void Unregister(IRegisteredBroker broker) => _brokers.TryRemove((broker.Name, broker.BrokerId), out _);
}
