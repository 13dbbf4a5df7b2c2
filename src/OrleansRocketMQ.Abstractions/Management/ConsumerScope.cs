using Orleans;

namespace OrleansRocketMQ;

/// <summary>What part of a consumer group something is done to: all of it, one topic, or one queue. Immutable.</summary>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.ConsumerScope")]
public sealed record ConsumerScope
{
    private ConsumerScope(string? topic, MessageQueue? queue)
    {
        Topic = topic;
        Queue = queue;
    }

    /// <summary>The whole group, its %RETRY% topic included.</summary>
    public static ConsumerScope Everything { get; } = new(null, null);

    /// <summary>The topic; null for the whole group. Messages that failed come back under the topic %RETRY%group.</summary>
    [Id(0)]
    public string? Topic { get; }

    /// <summary>The queue; null for all queues of <see cref="Topic"/>.</summary>
    [Id(1)]
    public MessageQueue? Queue { get; }

    /// <summary>All queues of one topic.</summary>
    public static ConsumerScope OfTopic(string topic)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(topic);
        return new(topic, null);
    }

    /// <summary>One queue.</summary>
    public static ConsumerScope OfQueue(MessageQueue queue)
    {
        ArgumentNullException.ThrowIfNull(queue);
        return new(queue.Topic, queue);
    }

    /// <summary>Whether the queue is part of it.</summary>
    public bool Contains(MessageQueue queue)
    {
        ArgumentNullException.ThrowIfNull(queue);
        return Queue is null ? Topic is null || Topic == queue.Topic : Queue == queue;
    }

    /// <inheritdoc/>
    public override string ToString() => Queue?.ToString() ?? (Topic is null ? "everything" : $"topic {Topic}");
}
