using System.Text.Json.Serialization;

namespace OrleansRocketMQ.Protocol;

/// <summary>How a group gets the messages of a topic. Mirrors <c>MessageRequestMode</c>.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<MessageRequestMode>))]
public enum MessageRequestMode
{
    /// <summary>Each queue is pulled by one member.</summary>
    [JsonStringEnumMemberName("PULL")]
    Pull = 0,

    /// <summary>Members pop, several of them the same queue.</summary>
    [JsonStringEnumMemberName("POP")]
    Pop = 1,
}

/// <summary>Asks a broker which queues of a topic a member is to consume. Mirrors <c>QueryAssignmentRequestBody</c>.</summary>
internal sealed record QueryAssignmentRequest
{
    /// <summary>The member.</summary>
    public string ClientId { get; init; } = string.Empty;

    /// <summary>Its group.</summary>
    public string ConsumerGroup { get; init; } = string.Empty;

    /// <summary><c>CLUSTERING</c> or <c>BROADCASTING</c>.</summary>
    public string MessageModel { get; init; } = ConsumerDataValues.Clustering;

    /// <summary>The name of the strategy, <c>AVG</c> or <c>AVG_BY_CIRCLE</c>.</summary>
    public string StrategyName { get; init; } = string.Empty;

    /// <summary>The topic.</summary>
    public string Topic { get; init; } = string.Empty;
}

/// <summary>The answer. Mirrors <c>QueryAssignmentResponseBody</c>.</summary>
internal sealed record QueryAssignmentResponse
{
    /// <summary>The queues; null: the broker cannot say, the member keeps what it has.</summary>
    public IReadOnlyList<AssignedQueue>? MessageQueueAssignments { get; init; }
}

/// <summary>A queue a member is to consume, as it is written. Mirrors <c>MessageQueueAssignment</c>.</summary>
internal sealed record AssignedQueue
{
    /// <summary>The queue; -1 as its id means every queue of the topic at that broker.</summary>
    public QueueKey? MessageQueue { get; init; }

    /// <summary>How.</summary>
    [JsonConverter(typeof(RequestModeJson))]
    public MessageRequestMode Mode { get; init; }
}

/// <summary>Sets how a group gets the messages of a topic. Mirrors <c>SetMessageRequestModeRequestBody</c>.</summary>
internal sealed record SetMessageRequestModeRequest
{
    /// <summary>The group.</summary>
    public string ConsumerGroup { get; init; } = string.Empty;

    /// <summary>How.</summary>
    [JsonConverter(typeof(RequestModeJson))]
    public MessageRequestMode Mode { get; init; }

    /// <summary>How many more members share the queues of one; 0, or as many as there are others: all members share all queues.</summary>
    public int PopShareQueueNum { get; init; }

    /// <summary>The topic.</summary>
    public string Topic { get; init; } = string.Empty;
}

/// <summary>All that was set. Mirrors <c>MessageRequestModeManager</c>.</summary>
internal sealed record MessageRequestModes
{
    /// <summary>By topic, then by group.</summary>
    public IReadOnlyDictionary<string, IReadOnlyDictionary<string, SetMessageRequestModeRequest>> MessageRequestModeMap { get; init; }
        = new Dictionary<string, IReadOnlyDictionary<string, SetMessageRequestModeRequest>>();
}
