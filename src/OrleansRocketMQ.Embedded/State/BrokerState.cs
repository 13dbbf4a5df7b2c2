using System.Text.Json.Serialization;
using OrleansRocketMQ.Embedded.StaticTopics;
using OrleansRocketMQ.Embedded.Topics;

namespace OrleansRocketMQ.Embedded.State;

/// <summary>What a broker keeps beside its messages.</summary>
internal sealed record BrokerState
{
    public IReadOnlyList<TopicConfig> Topics { get; init; } = [];

    /// <summary>What is known of static topics.</summary>
    public IReadOnlyList<QueueMapping> Mappings { get; init; } = [];

    public IReadOnlyList<GroupConfig> Groups { get; init; } = [];

    public IReadOnlyList<SavedOffset> Offsets { get; init; } = [];

    /// <summary>Up to where each delay level has been delivered.</summary>
    public IReadOnlyDictionary<int, long> Delivered { get; init; } = new Dictionary<int, long>();

    /// <summary>See <see cref="Delays.TimerScheduler.Delivered"/>.</summary>
    public long TimersDelivered { get; init; }

    /// <summary>
    /// Where the commit log ended just before the state was gathered: what stands behind it may be of topics that the
    /// state does not know. Null: of a version that did not tell.
    /// </summary>
    public long? LogEnd { get; init; }

    /// <summary>Where queues ended; needed for those all of whose messages have been dropped.</summary>
    public IReadOnlyList<SavedQueueEnd> QueueEnds { get; init; } = [];

    /// <summary>What is popped and not done.</summary>
    public IReadOnlyList<SavedCheckpoint> Checkpoints { get; init; } = [];

    /// <summary>The last pop in order of each queue.</summary>
    public IReadOnlyList<SavedOrderedPop> OrderedPops { get; init; } = [];

    /// <summary>How groups get the messages of topics, where somebody has set it.</summary>
    public IReadOnlyList<SavedRequestMode> RequestModes { get; init; } = [];
}

/// <summary>Messages of a pop that are not done, and when they are offered again.</summary>
internal sealed record SavedCheckpoint(
    string Group, string Topic, int QueueId, long StartOffset, long PopTime, long ReviveTime, IReadOnlyList<long> Open);

/// <summary>The last pop of a queue in order.</summary>
internal sealed record SavedOrderedPop(
    string Group, string Topic, int QueueId, long PopTime, long InvisibleTime, IReadOnlyList<long> Offsets)
{
    public string? AttemptId { get; init; }

    public IReadOnlyList<long> Done { get; init; } = [];

    public IReadOnlyDictionary<long, int> Counts { get; init; } = new Dictionary<long, int>();

    public IReadOnlyDictionary<long, long> VisibleTimes { get; init; } = new Dictionary<long, long>();
}

/// <summary>How a group gets the messages of a topic.</summary>
internal sealed record SavedRequestMode(string Group, string Topic, bool Pops, int PopShareQueueNum);

/// <summary>How far a group has come in a queue.</summary>
internal sealed record SavedOffset(string Group, string Topic, int QueueId, long Offset);

/// <summary>Where a queue ended.</summary>
internal sealed record SavedQueueEnd(string Topic, int QueueId, long End);

[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(BrokerState))]
internal sealed partial class BrokerStateJson : JsonSerializerContext;
