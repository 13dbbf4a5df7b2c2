using System.Text.Json.Serialization;
using OrleansRocketMQ.Embedded.Topics;

namespace OrleansRocketMQ.Embedded.State;

/// <summary>What a broker keeps beside its messages.</summary>
internal sealed record BrokerState
{
    public IReadOnlyList<TopicConfig> Topics { get; init; } = [];

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
}

/// <summary>How far a group has come in a queue.</summary>
internal sealed record SavedOffset(string Group, string Topic, int QueueId, long Offset);

/// <summary>Where a queue ended.</summary>
internal sealed record SavedQueueEnd(string Topic, int QueueId, long End);

[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(BrokerState))]
internal sealed partial class BrokerStateJson : JsonSerializerContext;
