using System.Net;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Engine.Ports;

namespace OrleansRocketMQ.Brokers;

/// <summary>What this silo knows of where brokers are. Thread-safe.</summary>
internal sealed class ClientRoutes(RocketMQClient client) : IRoutes
{
    private RouteTable Routes => client.Routes;

    public BrokerAddress? FindAddress(MessageQueue queue, long brokerId, bool onlyThisBroker)
        => Routes.FindAddressOf(queue, brokerId, onlyThisBroker);

    public BrokerAddress? FindMasterOf(MessageExt message)
    {
        if (!MessageQueue.IsLogicalBroker(message.BrokerName))
        {
            return Routes.FindAddress(message.BrokerName, onlyThisBroker: true);
        }

        // Each piece of a logical queue is at a broker of its own; a message says where it was stored.
        var storedAt = message.StoreHost;
        return Routes.Brokers.Where(broker => !broker.IsSlave && IsAt(broker.Address, storedAt)).Cast<BrokerAddress?>().FirstOrDefault();
    }

    public TopicRoute? Find(string topic) => Routes.Find(topic);

    public void Doubt(string topic, Exception reason) => Routes.Doubt(topic, reason);

    // Routes may have a host's name where messages have an address: whoever is connected with it knows both.
    private bool IsAt(string address, IPEndPoint place) => address == place.ToString()
        || (client.Remoting.EndPointOf(address) is { } known
            && known.Port == place.Port
            && known.Address.MapToIPv6().Equals(place.Address.MapToIPv6()));
}
