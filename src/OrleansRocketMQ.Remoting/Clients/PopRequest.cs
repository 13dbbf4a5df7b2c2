using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Clients;

/// <summary>Where a group begins that has popped nothing of a queue before. Mirrors <c>ConsumeInitMode</c>.</summary>
public enum PopInitMode
{
    /// <summary>At the first message.</summary>
    Min = 0,

    /// <summary>At the last message, or at the first one where the queue still holds all it ever had.</summary>
    Max = 1,
}

/// <summary>
/// Asks a broker for messages of a topic that nobody else of the group has in work. Mirrors <c>PopMessageRequestHeader</c>; defaults
/// are those of Java's push consumer.
/// </summary>
/// <param name="ConsumerGroup">The group.</param>
/// <param name="Queue">The queue, or with <see cref="AnyQueue"/> as its id every queue the topic has at that broker.</param>
public readonly record struct PopRequest(string ConsumerGroup, MessageQueue Queue)
{
    /// <summary>The id that stands for every queue of the broker, and for those of the group's retry topic.</summary>
    public const int AnyQueue = -1;

    /// <summary>How many messages at most, 1 to 32; brokers refuse more. Default 32 (<c>popBatchNums</c>).</summary>
    public int MaxMessages { get; init; } = 32;

    /// <summary>
    /// How long nobody else gets the messages; what is not acknowledged by then comes again. Default 60 s
    /// (<c>popInvisibleTime</c>).
    /// </summary>
    public TimeSpan InvisibleTime { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How long the broker may hold the request when there is nothing; zero: it answers at once. Default 15 s.</summary>
    public TimeSpan PollTime { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Where to begin. Default <see cref="PopInitMode.Max"/> (<c>CONSUME_FROM_LAST_OFFSET</c>).</summary>
    public PopInitMode InitMode { get; init; } = PopInitMode.Max;

    /// <summary>Which messages are wanted. Default all.</summary>
    public string Expression { get; init; } = MessageSelector.AllTags;

    /// <summary>How the expression is read, <c>TAG</c> (default) or <c>SQL92</c>.</summary>
    public string ExpressionType { get; init; } = SubscriptionData.TagType;

    /// <summary>
    /// Whether messages of a queue are to be had one batch after the other: the next one when the last is acknowledged or its
    /// invisible time is over. Default false.
    /// </summary>
    public bool Ordered { get; init; }

    /// <summary>
    /// Names an attempt to pop in order: repeated with the same name it brings the same messages again. Default null.
    /// </summary>
    public string? AttemptId { get; init; }
}
