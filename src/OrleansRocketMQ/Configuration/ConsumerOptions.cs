using OrleansRocketMQ.Dispatch;

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

    /// <summary>
    /// Whether the consumer starts with its silo. Without it, it is started through <c>IRocketMQConsumers</c>, and its listener
    /// and topics may be set before. Default true.
    /// </summary>
    public bool AutoStart { get; set; } = true;

    /// <summary>Topics the group may subscribe to, those at run time included, 1 to 100000. Default 10000.</summary>
    public int MaxSubscriptions { get; set; } = 10_000;

    /// <summary>What is consumed: topic to selector. At least one, unless <see cref="AutoStart"/> is off.</summary>
    public IDictionary<string, MessageSelector> Subscriptions { get; } = new Dictionary<string, MessageSelector>(StringComparer.Ordinal);

    /// <summary>The listener: a grain class, or a grain interface that exactly one grain class implements. Required.</summary>
    public Type? Listener { get; set; }

    /// <summary>
    /// How the group's queues are split among its members: AVG, AVG_BY_CIRCLE, CONFIGURATION, CONSISTENT_HASH, HASH,
    /// MACHINE_ROOM, MACHINE_ROOM_NEARBY (or with another strategy inside, MACHINE_ROOM_NEARBY-CONSISTENT_HASH), or the
    /// name of one added by <c>AddAllocateStrategy</c>. All members of the group must use the same. Default AVG.
    /// </summary>
    public string AllocateStrategy { get; set; } = "AVG";

    /// <summary>For the strategy MACHINE_ROOM: the rooms whose queues are consumed, joined by <c>;</c>.</summary>
    public string? MachineRooms { get; set; }

    /// <summary>
    /// For the strategy CONFIGURATION: queues by member; see <see cref="Allocation.ConfiguredAllocation"/> for how members
    /// are named. In configuration <c>QueuesByMember:10.0.0.1@11111 = "orders/broker-a/0-3;orders/broker-b/0"</c>.
    /// </summary>
    public IDictionary<string, IReadOnlyList<MessageQueue>> QueuesByMember { get; } = new Dictionary<string, IReadOnlyList<MessageQueue>>(StringComparer.Ordinal);

    /// <summary>The listener when it is a delegate.</summary>
    internal DelegateHandler? Handler { get; set; }

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

    /// <summary>How long to wait before trying again what failed: a pull, an offset, a hand-back. Default 1 s.</summary>
    public TimeSpan RetryInterval { get; set; } = TimeSpan.FromSeconds(1);
}
