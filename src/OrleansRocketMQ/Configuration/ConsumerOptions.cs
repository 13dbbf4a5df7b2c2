using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Configuration;

/// <summary>
/// One consumer group on this silo. Bound from <c>RocketMQ:Consumers:{group}</c>, which overrides what code set.
/// Defaults are those of <c>DefaultMQPushConsumer</c> except where noted.
/// </summary>
public sealed class ConsumerOptions
{
    /// <summary>The consumer group. Required; letters, digits and <c>% | - _</c>, at most 255 bytes.</summary>
    public string Group { get; set; } = string.Empty;

    /// <summary>Name servers of this consumer, when they are not those of <see cref="RocketMQOptions.NameServer"/>.</summary>
    public string? NameServer { get; set; }

    /// <summary>What is consumed: topic to selector. At least one.</summary>
    public IDictionary<string, MessageSelector> Subscriptions { get; } = new Dictionary<string, MessageSelector>(StringComparer.Ordinal);

    /// <summary>The listener: a grain class, or a grain interface that exactly one grain class implements. Required.</summary>
    public Type? Listener { get; set; }

    /// <summary>Where to begin when the broker has no offset of the group. Default <see cref="ConsumeFromWhere.LastOffset"/>.</summary>
    public ConsumeFromWhere ConsumeFromWhere { get; set; }

    /// <summary>For <see cref="ConsumeFromWhere.Timestamp"/>: from when on. Default half an hour before the start.</summary>
    public DateTimeOffset? ConsumeTimestamp { get; set; }

    /// <summary>Listener calls this silo always keeps ready for the group, 1 to 1000. Default 20.</summary>
    public int ConsumeThreadMin { get; set; } = 20;

    /// <summary>Listener calls this silo makes at once for the group at most, <see cref="ConsumeThreadMin"/> to 1000. Default 64.</summary>
    public int ConsumeThreadMax { get; set; } = 64;

    /// <summary>Messages a listener call gets at most, 1 to 1024. Default 1.</summary>
    public int ConsumeBatchSize { get; set; } = 1;

    /// <summary>Messages asked for in one pull, 1 to 1024. Default 32, which is also what a broker gives at most by default.</summary>
    public int PullBatchSize { get; set; } = 32;

    /// <summary>A pause between two pulls of a queue, 0 to 65535 ms. Default none.</summary>
    public TimeSpan PullInterval { get; set; }

    /// <summary>How long a broker holds a pull that finds nothing. Default 15 s.</summary>
    public TimeSpan PullSuspendTimeout { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>Messages a queue holds before pulling waits, 1 to 65535. Default 1000.</summary>
    public int PullThresholdForQueue { get; set; } = 1000;

    /// <summary>Bytes of bodies a queue holds before pulling waits, 1 MiB to 1 GiB. Default 100 MiB.</summary>
    public long PullThresholdBytesForQueue { get; set; } = 100L * 1024 * 1024;

    /// <summary>How far the newest pulled message may be ahead of the oldest unfinished one, 1 to 65535. Default 2000.</summary>
    public int ConsumeMaxSpan { get; set; } = 2000;

    /// <summary>How often a message may fail before it goes to %DLQ%. Default 16.</summary>
    public int MaxReconsumeTimes { get; set; } = 16;

    /// <summary>How often progress is told to the brokers. Default 5 s.</summary>
    public TimeSpan PersistInterval { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Whether RocketMQ's message trace tells who got which message and how the listener ended. Default false (<c>enableTrace</c>).</summary>
    public bool MessageTrace { get; set; }

    /// <summary>Where that goes. Default <c>RMQ_SYS_TRACE_TOPIC</c> (<c>customizedTraceTopic</c>).</summary>
    public string MessageTraceTopic { get; set; } = SystemTopics.Trace;

    /// <summary>How long to wait before trying again what failed: a pull, an offset, a hand-back. Default 1 s.</summary>
    public TimeSpan RetryInterval { get; set; } = TimeSpan.FromSeconds(1);
}
