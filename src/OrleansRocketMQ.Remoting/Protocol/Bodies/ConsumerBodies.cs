namespace OrleansRocketMQ.Protocol;

/// <summary>The client ids of a group's members. Mirrors <c>GetConsumerListByGroupResponseBody</c>.</summary>
public sealed record ConsumerIdList
{
    /// <summary>The ids, in no particular order.</summary>
    [System.Text.Json.Serialization.JsonPropertyName("consumerIdList")]
    public IReadOnlyList<string> ConsumerIds { get; init => field = Present.Of(value); } = [];
}

/// <summary>Asks a broker whether it accepts a subscription. Mirrors <c>CheckClientRequestBody</c>.</summary>
public sealed record CheckClientRequest
{
    /// <summary>Who asks.</summary>
    public string ClientId { get; init; } = string.Empty;

    /// <summary>The group.</summary>
    public string Group { get; init; } = string.Empty;

    /// <summary>The namespace, if one is used.</summary>
    public string? Namespace { get; init; }

    /// <summary>The subscription to check.</summary>
    public SubscriptionData SubscriptionData { get; init; } = new();
}
