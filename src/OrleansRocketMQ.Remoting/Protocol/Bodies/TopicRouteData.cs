using System.Text.Json.Serialization;

namespace OrleansRocketMQ.Protocol;

/// <summary>Where a topic's queues are, as the name server tells it. Mirrors <c>TopicRouteData</c>.</summary>
public sealed record TopicRouteData
{
    /// <summary>The broker sets, with the addresses of their members.</summary>
    public IReadOnlyList<BrokerData> BrokerDatas { get; init => field = Present.Of(value); } = [];

    /// <summary>The number of queues on each broker set.</summary>
    public IReadOnlyList<QueueData> QueueDatas { get; init => field = Present.Of(value); } = [];

    /// <summary>Kept for the wire; filter servers are gone.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<string>> FilterServerTable { get; init => field = Present.Of(value); }
        = new Dictionary<string, IReadOnlyList<string>>();

    /// <summary>Queues per broker of an ordered topic, if one is configured.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? OrderTopicConf { get; init; }

    /// <summary>
    /// Whether the topic is a static one: its queues are logical ones, and what <see cref="QueueDatas"/> counts are those behind them.
    /// </summary>
    [JsonIgnore]
    public bool IsStatic => TopicQueueMappingByBroker is { Count: > 0 };

    /// <summary>Which logical queues each broker leads; null or empty of an ordinary topic.</summary>
    [JsonInclude]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    internal IReadOnlyDictionary<string, TopicQueueMapping>? TopicQueueMappingByBroker { get; init; }
}

/// <summary>One broker set. Mirrors <c>BrokerData</c>.</summary>
public sealed record BrokerData
{
    /// <summary>The id of a set's master.</summary>
    public const long MasterId = 0;

    /// <summary>Addresses (<c>host:port</c>) by broker id; 0 is the master.</summary>
    public IReadOnlyDictionary<long, string> BrokerAddrs { get; init => field = Present.Of(value); } = new Dictionary<long, string>();

    /// <summary>The set's name.</summary>
    public string BrokerName { get; init => field = value ?? string.Empty; } = string.Empty;

    /// <summary>The cluster it belongs to.</summary>
    public string Cluster { get; init => field = value ?? string.Empty; } = string.Empty;

    /// <summary>Whether a slave may act as master.</summary>
    public bool EnableActingMaster { get; init; }
}

/// <summary>A topic's queues on one broker set. Mirrors <c>QueueData</c>.</summary>
public sealed record QueueData
{
    /// <summary>The permission bit for reading.</summary>
    public const int ReadPermission = 4;

    /// <summary>The permission bit for writing.</summary>
    public const int WritePermission = 2;

    /// <summary>The broker set.</summary>
    public string BrokerName { get; init => field = value ?? string.Empty; } = string.Empty;

    /// <summary>Bits of permissions.</summary>
    public int Perm { get; init; }

    /// <summary>How many queues consumers read.</summary>
    public int ReadQueueNums { get; init; }

    /// <summary>Flags of the topic.</summary>
    public int TopicSysFlag { get; init; }

    /// <summary>How many queues producers write.</summary>
    public int WriteQueueNums { get; init; }

    /// <summary>Whether consumers may read.</summary>
    [JsonIgnore]
    public bool IsReadable => (Perm & ReadPermission) != 0;

    /// <summary>Whether producers may write.</summary>
    [JsonIgnore]
    public bool IsWritable => (Perm & WritePermission) != 0;
}
