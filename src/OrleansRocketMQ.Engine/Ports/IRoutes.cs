using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Engine.Ports;

/// <summary>Where brokers are. Answers at once, from what is known. Thread-safe.</summary>
internal interface IRoutes
{
    /// <summary>
    /// A member of a queue's broker set: the one asked for, else another, unless only this one will do; of a logical queue the
    /// master of the set that leads it now. Null when none is known.
    /// </summary>
    BrokerAddress? FindAddress(MessageQueue queue, long brokerId = BrokerData.MasterId, bool onlyThisBroker = false);

    /// <summary>The master that has stored a message, whoever leads its queue by now; null when it is not known.</summary>
    BrokerAddress? FindMasterOf(MessageExt message);

    /// <summary>The route of a topic; null when it is not known.</summary>
    TopicRoute? Find(string topic);

    /// <summary>Has the route of a topic looked at soon, if the reason says something of it.</summary>
    void Doubt(string topic, Exception reason);
}
