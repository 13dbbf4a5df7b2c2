using System.Text.Json.Serialization;

namespace OrleansRocketMQ.Protocol;

/// <summary>How the JSON bodies of the protocol are read and written: camel case, nulls left out.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    PropertyNameCaseInsensitive = false)]
[JsonSerializable(typeof(TopicRouteData))]
[JsonSerializable(typeof(ClusterInfo))]
[JsonSerializable(typeof(HeartbeatData))]
[JsonSerializable(typeof(LockBatchRequest))]
[JsonSerializable(typeof(LockBatchResponse))]
[JsonSerializable(typeof(ConsumerIdList))]
[JsonSerializable(typeof(CheckClientRequest))]
[JsonSerializable(typeof(SubscriptionGroupConfig))]
[JsonSerializable(typeof(SubscriptionGroups))]
[JsonSerializable(typeof(BatchAckRequest))]
[JsonSerializable(typeof(QueryAssignmentRequest))]
[JsonSerializable(typeof(QueryAssignmentResponse))]
[JsonSerializable(typeof(SetMessageRequestModeRequest))]
[JsonSerializable(typeof(MessageRequestModes))]
internal sealed partial class ProtocolJson : JsonSerializerContext;
