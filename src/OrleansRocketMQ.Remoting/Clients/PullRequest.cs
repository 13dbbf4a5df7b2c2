using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Clients;

/// <summary>
/// Asks a broker for messages of a queue. Mirrors <c>PullMessageRequestHeader</c>; defaults are those of Java's push
/// consumer.
/// </summary>
/// <param name="ConsumerGroup">
/// The group; the broker must know it by a heartbeat, or the request must carry <see cref="Expression"/>.
/// </param>
/// <param name="Queue">The queue.</param>
/// <param name="Offset">The first position wanted.</param>
public readonly record struct PullRequest(string ConsumerGroup, MessageQueue Queue, long Offset)
{
    /// <summary>How many messages at most; brokers have a limit of their own. Default 32 (<c>pullBatchSize</c>).</summary>
    public int MaxMessages { get; init; } = 32;

    /// <summary>How many bytes at most; at least one message comes. Default 256 KiB (<c>pullBatchSizeInBytes</c>).</summary>
    public int MaxBytes { get; init; } = 256 * 1024;

    /// <summary>An offset to commit by the way; only one above 0 is, and only by a master. Default 0.</summary>
    public long CommitOffset { get; init; }

    /// <summary>How long the broker may hold the request when there is nothing; zero: it answers at once. Default 15 s.</summary>
    public TimeSpan SuspendTimeout { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>The <see cref="SubscriptionData.SubVersion"/> of the heartbeat; a broker that knows only an older one refuses.</summary>
    public long SubVersion { get; init; }

    /// <summary>The subscription's expression, to be used instead of the heartbeat's. Default null: that of the heartbeat.</summary>
    public string? Expression { get; init; }

    /// <summary>How the expression is read, <c>TAG</c> or <c>SQL92</c>.</summary>
    public string ExpressionType { get; init; } = SubscriptionData.TagType;

    /// <summary>Whether the request goes to a slave, which commits no offsets; see <see cref="BrokerAddress.IsSlave"/>.</summary>
    public bool ToSlave { get; init; }

    /// <summary>Whether it comes from a lite pull consumer; such a request has a code of its own.</summary>
    public bool LitePull { get; init; }

    /// <summary>
    /// Whether the answer may lie in an array of a pool, see <see cref="PooledBody"/>: then who gets it holds it.
    /// </summary>
    internal bool Pooled { get; init; }

    /// <summary>The bits that follow from the rest.</summary>
    public PullSysFlag SysFlag
        => (CommitOffset > 0 && !ToSlave ? PullSysFlag.CommitOffset : PullSysFlag.None)
            | (SuspendTimeout > TimeSpan.Zero ? PullSysFlag.Suspend : PullSysFlag.None)
            | (Expression is null ? PullSysFlag.None : PullSysFlag.Subscription)
            | (LitePull ? PullSysFlag.LitePull : PullSysFlag.None);
}
