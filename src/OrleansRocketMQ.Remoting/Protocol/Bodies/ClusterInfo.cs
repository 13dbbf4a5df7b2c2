namespace OrleansRocketMQ.Protocol;

/// <summary>All brokers a name server knows. Mirrors <c>ClusterInfo</c>.</summary>
public sealed record ClusterInfo
{
    /// <summary>The broker sets by their names.</summary>
    public IReadOnlyDictionary<string, BrokerData> BrokerAddrTable { get; init => field = Present.Of(value); }
        = new Dictionary<string, BrokerData>();

    /// <summary>The names of the broker sets of each cluster.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<string>> ClusterAddrTable { get; init => field = Present.Of(value); }
        = new Dictionary<string, IReadOnlyList<string>>();
}
