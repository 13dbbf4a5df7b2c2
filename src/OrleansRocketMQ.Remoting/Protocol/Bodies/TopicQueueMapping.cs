namespace OrleansRocketMQ.Protocol;

/// <summary>
/// Which logical queues of a static topic one broker leads, as the name server tells it. Mirrors <c>TopicQueueMappingInfo</c>.
/// </summary>
internal sealed record TopicQueueMapping
{
    /// <summary>The scope of a topic that has none of its own.</summary>
    public const string GlobalScope = "__global__";

    /// <summary>The topic.</summary>
    public string Topic { get; init => field = value ?? string.Empty; } = string.Empty;

    /// <summary>Whose logical queues these are; each scope counts its own from 0.</summary>
    public string Scope { get; init => field = value ?? GlobalScope; } = GlobalScope;

    /// <summary>How many logical queues the topic has, on all brokers.</summary>
    public int TotalQueues { get; init; }

    /// <summary>The broker.</summary>
    public string Bname { get; init => field = value ?? string.Empty; } = string.Empty;

    /// <summary>Grows with each change of the mapping: the greater one counts.</summary>
    public long Epoch { get; init; }

    /// <summary>Kept for the wire.</summary>
    public bool Dirty { get; init; }

    /// <summary>The queue of the broker behind each logical queue it leads, by the logical queue's id.</summary>
    public IReadOnlyDictionary<int, int> CurrIdMap { get; init => field = value ?? new Dictionary<int, int>(); }
        = new Dictionary<int, int>();

    /// <summary>Whether both say the same.</summary>
    public bool SameAs(TopicQueueMapping other)
        => Scope == other.Scope && TotalQueues == other.TotalQueues && Bname == other.Bname && Epoch == other.Epoch
            && CurrIdMap.Count == other.CurrIdMap.Count
            && CurrIdMap.All(pair => other.CurrIdMap.TryGetValue(pair.Key, out var queueId) && queueId == pair.Value);
}
