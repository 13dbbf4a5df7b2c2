namespace OrleansRocketMQ.Dashboard.Actions;

/// <summary>
/// What the page asks for; which members count depends on the action. What is derived from them is not public, so that
/// neither JSON nor the log, which prints the public members, touches it.
/// </summary>
internal sealed record ActionRequest
{
    public string? Topic { get; init; }

    public string? Broker { get; init; }

    public int? QueueId { get; init; }

    public double? MessagesPerSecond { get; init; }

    public string? Silo { get; init; }

    /// <summary>begin, end, time or offset.</summary>
    public string? Target { get; init; }

    public long? Offset { get; init; }

    public DateTimeOffset? Time { get; init; }

    /// <summary>Of a seek: whether grains that keep effects have those of messages that come again once more.</summary>
    public bool EffectsAgain { get; init; }

    public string? MessageId { get; init; }

    /// <summary>Of a parked message; null: all of them.</summary>
    public long? Number { get; init; }

    /// <summary>Of dead letters.</summary>
    public string? Key { get; init; }

    /// <summary>Which messages of a topic; null: all.</summary>
    public string? Expression { get; init; }

    /// <summary>Whether the expression is SQL92; otherwise tags.</summary>
    public bool IsSql { get; init; }

    /// <summary>The queue of the request; null when it names none.</summary>
    internal MessageQueue? Queue => (Topic, Broker, QueueId) switch
    {
        ({ Length: > 0 } topic, { Length: > 0 } broker, { } id) => new MessageQueue(topic, broker, id),
        (_, null, null) => null,
        _ => throw new RocketMQValidationException("Queue", $"{Topic}/{Broker}/{QueueId}", "a topic, a broker and a queue id"),
    };

    /// <summary>The part of the group it names.</summary>
    internal ConsumerScope Scope => Queue is { } queue ? ConsumerScope.OfQueue(queue)
        : Topic is { Length: > 0 } ? ConsumerScope.OfTopic(Required(Topic, nameof(Topic)))
        : ConsumerScope.Everything;

    internal MessageQueue RequiredQueue
        => Queue ?? throw new RocketMQValidationException("Queue", null, "a topic, a broker and a queue id");

    internal string RequiredTopic => Required(Topic, nameof(Topic));

    internal string RequiredSilo => Required(Silo, nameof(Silo));

    internal string RequiredMessageId => Required(MessageId, nameof(MessageId));

    internal string RequiredKey => Required(Key, nameof(Key));

    internal MessageSelector Selector => IsSql
        ? MessageSelector.BySql(Required(Expression, nameof(Expression)))
        : MessageSelector.ByTag(Expression);

    internal SeekTarget RequiredTarget => RequiredPlace with { EffectsAgain = EffectsAgain };

    private SeekTarget RequiredPlace => Target switch
    {
        "begin" => SeekTarget.Begin,
        "end" => SeekTarget.End,
        "time" when Time is { } time => SeekTarget.AtTime(time),
        "offset" when Offset is { } offset => SeekTarget.AtOffset(offset),
        _ => throw new RocketMQValidationException(nameof(Target), Target, "begin, end, time with a time, or offset with an offset"),
    };

    private static string Required(string? value, string name)
        => string.IsNullOrWhiteSpace(value) ? throw new RocketMQValidationException(name, value, "a value") : value;
}

/// <summary>What came of it, in a sentence.</summary>
internal sealed record ActionResponse(string Message);
