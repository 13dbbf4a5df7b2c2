using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Engine.Ports;

namespace OrleansRocketMQ.Engine.Tests.Support;

/// <summary>Every broker set has a master, unless a test says otherwise.</summary>
internal sealed class FakeRoutes : IRoutes
{
    /// <summary>Members of broker sets in the place of the usual master: null for one that nobody knows.</summary>
    public Dictionary<string, BrokerAddress?> Instead { get; } = [];

    /// <summary>Addresses of single members, where they are not the usual ones.</summary>
    public Dictionary<(string Broker, long Id), string> Members { get; } = [];

    /// <summary>What happens after an address was found, and before it is used.</summary>
    public Action Meanwhile { get; set; } = static () => { };

    /// <summary>What is known of topics.</summary>
    public Dictionary<string, TopicRoute> Topics { get; } = [];

    /// <summary>The topics whose routes were doubted.</summary>
    public List<string> Doubted { get; } = [];

    /// <summary>The members that were asked for.</summary>
    public List<(string Broker, long Id, bool OnlyThis)> Asked { get; } = [];

    public static string AddressOf(string broker) => $"{broker}:10911";

    public BrokerAddress? FindAddress(MessageQueue queue, long brokerId, bool onlyThisBroker) => Find(queue.BrokerName, brokerId, onlyThisBroker);

    public BrokerAddress? FindMasterOf(MessageExt message) => Find(message.BrokerName, brokerId: 0, onlyThisBroker: true);

    private BrokerAddress? Find(string brokerName, long brokerId, bool onlyThisBroker)
    {
        Asked.Add((brokerName, brokerId, onlyThisBroker));
        BrokerAddress? found = Instead.TryGetValue(brokerName, out var instead)
            ? instead
            : new(brokerName, brokerId, Members.GetValueOrDefault((brokerName, brokerId), AddressOf(brokerName)));
        Meanwhile();
        return found;
    }

    public TopicRoute? Find(string topic) => Topics.GetValueOrDefault(topic);

    public void Doubt(string topic, Exception reason) => Doubted.Add(topic);
}
