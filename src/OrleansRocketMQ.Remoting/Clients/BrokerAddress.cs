using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Clients;

/// <summary>One member of a broker set. Mirrors <c>FindBrokerResult</c>.</summary>
/// <param name="BrokerName">The name of the set.</param>
/// <param name="BrokerId">Which member it is; 0 is the master.</param>
/// <param name="Address">Where it listens, <c>host:port</c>.</param>
public readonly record struct BrokerAddress(string BrokerName, long BrokerId, string Address)
{
    /// <summary>Whether it is not the master: such a broker takes no sends, and its offsets are overwritten by its master's.</summary>
    public bool IsSlave => BrokerId != BrokerData.MasterId;
}
