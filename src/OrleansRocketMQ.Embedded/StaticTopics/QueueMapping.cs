using System.Text.Json.Serialization;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Embedded.StaticTopics;

/// <summary>
/// What one broker knows of a static topic: the pieces of each logical queue it leads or led. Immutable. Mirrors
/// <c>TopicQueueMappingDetail</c>.
/// </summary>
internal sealed record QueueMapping
{
    public string Topic { get; init => field = value ?? string.Empty; } = string.Empty;

    public string Scope { get; init => field = value ?? TopicQueueMapping.GlobalScope; } = TopicQueueMapping.GlobalScope;

    /// <summary>How many logical queues the topic has, on all brokers.</summary>
    public int TotalQueues { get; init; }

    /// <summary>This broker.</summary>
    public string Bname { get; init => field = value ?? string.Empty; } = string.Empty;

    /// <summary>Grows with each change of the mapping.</summary>
    public long Epoch { get; init; }

    /// <summary>Kept for the wire.</summary>
    public bool Dirty { get; init; }

    /// <summary>The pieces of each logical queue, oldest first, by the logical queue's id.</summary>
    public IReadOnlyDictionary<int, IReadOnlyList<MappingItem>> HostedQueues { get; init => field = Present.Of(value); }
        = new Dictionary<int, IReadOnlyList<MappingItem>>();

    /// <summary>What the name server gets to know.</summary>
    public TopicQueueMapping ToInfo() => new()
    {
        Topic = Topic,
        Scope = Scope,
        TotalQueues = TotalQueues,
        Bname = Bname,
        Epoch = Epoch,
        CurrIdMap = HostedQueues
            .Where(queue => queue.Value is [.., var leader] && leader.Bname == Bname)
            .ToDictionary(queue => queue.Key, queue => queue.Value[^1].QueueId),
    };
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(QueueMapping))]
[JsonSerializable(typeof(TopicQueueMapping))]
internal sealed partial class MappingJson : JsonSerializerContext;
