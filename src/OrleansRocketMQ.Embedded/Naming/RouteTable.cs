using System.Collections.Concurrent;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Embedded.Serving;
using OrleansRocketMQ.Embedded.StaticTopics;
using OrleansRocketMQ.Embedded.Topics;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

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

    /// <summary>What it knows of a static topic; null of an ordinary one.</summary>
    QueueMapping? FindMapping(string topic);

    /// <summary>Answers what another broker asks; null when it does not run.</summary>
    ValueTask<RemotingCommand?> AnswerAsync(ClientPeer peer, RemotingCommand request);

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
        if (MappingsOf(topic) is { Count: > 0 } mappings)
        {
            var logical = LogicalQueues.Of(topic, new() { TopicQueueMappingByBroker = mappings });
            return [.. logical.All.Select(queue => (queue.BrokerName, queue.QueueId))];
        }

        var found = Sets.Select(set => (set[0].Name, Topic: set[0].FindTopic(topic))).Where(set => set.Topic is not null).ToList();
        return found.Count == 0
            ? null
            :
            [
                .. found.Where(set => set.Topic!.IsReadable)
                    .SelectMany(set => Enumerable.Range(0, set.Topic!.ReadQueues).Select(queueId => (set.Name, queueId))),
            ];
    }

    /// <summary>What brokers know of a static topic, by their names; empty of an ordinary one.</summary>
    public IReadOnlyDictionary<string, TopicQueueMapping> MappingsOf(string topic) => Sets
        .Select(set => set[0].FindMapping(topic))
        .OfType<QueueMapping>()
        .ToDictionary(mapping => mapping.Bname, mapping => mapping.ToInfo(), StringComparer.Ordinal);

    /// <summary>Passes a request on to a broker's master; null when it is not there.</summary>
    public ValueTask<RemotingCommand?> ForwardAsync(string brokerName, ClientPeer peer, RemotingCommand request)
        => _brokers.TryGetValue((brokerName, BrokerData.MasterId), out var broker) ? broker.AnswerAsync(peer, request) : default;

    public void Register(IRegisteredBroker broker) => _brokers[(broker.Name, broker.BrokerId)] = broker;

    public void Unregister(IRegisteredBroker broker) => _brokers.TryRemove((broker.Name, broker.BrokerId), out _);
}
