using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Configuration;

/// <summary>
/// One consumer group on this silo. Bound from <c>RocketMQ:Consumers:{group}</c>, which overrides what code set.
/// Defaults are those of <c>DefaultMQPushConsumer</c> except where noted.
/// </summary>
public sealed class ConsumerOptions
{
    /// <summary>The consumer group. Required; letters, digits and <c>% | - _</c>, at most 120 bytes.</summary>
    public string Group { get; set; } = string.Empty;

    /// <summary>Name servers of this consumer, when they are not those of <c>RocketMQOptions.NameServer</c>.</summary>
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

    /// <summary>Who gets a message: one member of the group, or each. Default <see cref="MessageModel.Clustering"/>.</summary>
    public MessageModel MessageModel { get; set; }

    /// <summary>
    /// Whether <see cref="ConsumeFromWhere.LastOffset"/> really begins at the end. Without it a broker answers 0 for a queue
    /// so young that its first message is still in memory, and a new group consumes all of it. Default false, as in Java.
    /// </summary>
    public bool SkipHistory { get; set; }

    /// <summary>Offsets told to one broker at a time, 1 to 1000. Default 10.</summary>
    public int PersistBatchSize { get; set; } = 10;

    /// <summary>
    /// How the group's queues are split among its members: AVG, AVG_BY_CIRCLE, CONFIGURATION, CONSISTENT_HASH, HASH,
    /// MACHINE_ROOM, MACHINE_ROOM_NEARBY (or with another strategy inside, MACHINE_ROOM_NEARBY-CONSISTENT_HASH), or the
    /// name of one added by <c>AddAllocateStrategy</c>. All members of the group must use the same. Default AVG.
    /// </summary>
    public string AllocateStrategy { get; set; } = "AVG";

    /// <summary>For the strategy MACHINE_ROOM: the rooms whose queues are consumed, joined by <c>;</c>.</summary>
    public string? MachineRooms { get; set; }

    /// <summary>
    /// For the strategy CONFIGURATION: queues by member; see <c>ConfiguredAllocation</c> for how members
    /// are named. In configuration <c>QueuesByMember:10.0.0.1@11111 = "orders/broker-a/0-3;orders/broker-b/0"</c>.
    /// </summary>
    public IDictionary<string, IReadOnlyList<MessageQueue>> QueuesByMember { get; }
        = new Dictionary<string, IReadOnlyList<MessageQueue>>(StringComparer.Ordinal);

    /// <summary>The listener when it is a delegate.</summary>
    internal IDelegateListener? Handler { get; set; }

    /// <summary>What code says of the types the listener gets; what it is made of is the word of who calls the listener.</summary>
    internal object? Typed { get; set; }

    /// <summary>The group's filters, as code has registered them; what they are is the word of who calls the listener.</summary>
    internal object? Filters { get; set; }

    /// <summary>
    /// What becomes of messages a listener throws on, by exception; the first rule that fits decides. Those of configuration come
    /// behind those of code (<c>consumer.OnError&lt;TException&gt;(...)</c>). Default none.
    /// </summary>
    public IList<ErrorRule> ErrorRules { get; } = [];

    /// <summary>
    /// Whether consuming pauses by itself, on all silos, when too many messages fail: <see cref="BreakerFailureShare"/>. After a
    /// time some messages are let through, and it goes on when they succeed. It never ends a pause of an operator. Where every
    /// member gets every message there is none. Default <see cref="CircuitBreakerScope.None"/>.
    /// </summary>
    public CircuitBreakerScope CircuitBreaker { get; set; }

    /// <summary>Whether there is any circuit breaker.</summary>
    internal bool HasBreakers => CircuitBreaker != CircuitBreakerScope.None && MessageModel != MessageModel.Broadcasting;

    /// <summary>The share of failures at which the circuit breaker opens, 0.01 to 1. Default 0.5.</summary>
    public double BreakerFailureShare { get; set; } = 0.5;

    /// <summary>Over which time that share is taken, 1 s to 1 h. Default 30 s.</summary>
    public TimeSpan BreakerWindow { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>With fewer messages in that time it stays closed, 1 to 1000000. Default 20.</summary>
    public int BreakerLeastMessages { get; set; } = 20;

    /// <summary>How long it stays open the first time, 1 s to 1 day; doubles with each trial that fails. Default 30 s.</summary>
    public TimeSpan BreakerOpenTime { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// The longest of these times, 1 s to 1 day; one below <see cref="BreakerOpenTime"/> counts as that. Default 10 minutes.
    /// </summary>
    public TimeSpan BreakerMaxOpenTime { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>
    /// How many messages are tried before it closes, 1 to 10000; not more a second of each topic are let through. Default 10.
    /// </summary>
    public int BreakerTrialMessages { get; set; } = 10;

    /// <summary>
    /// How the group consumes when its listeners are plain handlers (<c>consumer.Handle&lt;T, THandler&gt;(topic)</c>). Default
    /// <see cref="HandlerMode.Concurrent"/>.
    /// </summary>
    public HandlerMode HandlerMode { get; set; }

    /// <summary>
    /// What becomes of messages that typed listeners and handlers cannot be given. Default
    /// <see cref="UnreadableHandling.DeadLetter"/>.
    /// </summary>
    public UnreadableHandling UnreadableHandling { get; set; }

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

    /// <summary>
    /// How long messages wait for others until there are <see cref="ConsumeBatchSize"/> of them, 0 to 1 h: a call gets its
    /// batch when that many have come, when <see cref="BatchMaxBytes"/> are reached, or so long after the first of them came,
    /// whichever is first. Per queue; in the order of keys per key. Default 0: a call gets what is there.
    /// </summary>
    public TimeSpan BatchMaxWait { get; set; }

    /// <summary>
    /// Bytes of bodies a listener call gets at most, 1 to 1 GiB; a larger message comes alone. Default none.
    /// </summary>
    public long? BatchMaxBytes { get; set; }

    /// <summary>
    /// Whether, of the messages that wait on a silo, those of a higher priority (<see cref="Message.Priority"/>) are handed
    /// out first, over all its queues; one call in eight is for what waits longest. Not for groups in order, which ignore it, nor
    /// with batches that wait. What fails comes again ahead of others, whatever its priority. Default false.
    /// </summary>
    public bool DispatchByPriority { get; set; }

    /// <summary>Messages asked for in one pull, 1 to 1024. Default 32, which is also what a broker gives at most by default.</summary>
    public int PullBatchSize { get; set; } = 32;

    /// <summary>A pause between two pulls of a queue, 0 to 65535 ms. Default none.</summary>
    public TimeSpan PullInterval { get; set; }

    /// <summary>How long a broker holds a pull that finds nothing. Default 15 s.</summary>
    public TimeSpan PullSuspendTimeout { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>
    /// How messages are brought: as the brokers have it for topic and group (<c>mqadmin setConsumeMode</c>), always by pulls,
    /// or always by pops. Groups in order and those of broadcasting pull. Default <see cref="ConsumeMode.AsBroker"/>.
    /// </summary>
    public ConsumeMode ConsumeMode { get; set; }

    /// <summary>
    /// Pops: for how long the broker keeps a message from others, 1 s to 5 min. It is prolonged while a listener works, so
    /// it says how soon messages of a silo that died come again. Default 60 s (<c>popInvisibleTime</c>).
    /// </summary>
    public TimeSpan PopInvisibleTime { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>
    /// Pops: how long a broker holds a pop that finds nothing, 100 ms to 1 min. Brokers may tell of what is to come again, and
    /// of what comes at the wrong moment, with the next pop only: so it is short. Default 1 s, 15 s in Java.
    /// </summary>
    public TimeSpan PopPollTime { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Messages all queues of the group on this silo hold before pulling waits, 1 to 6553500; a queue that holds none
    /// pulls nevertheless. Default 50000.
    /// </summary>
    public int PullThresholdForAll { get; set; } = 50000;

    /// <summary>Messages the queues of one topic on this silo hold before pulling waits, 1 to 6553500. Default 10000.</summary>
    public int PullThresholdForTopic { get; set; } = 10000;

    /// <summary>
    /// Bytes of bodies the queues of one topic on this silo hold before pulling waits, 1 MiB to 100 GiB. Default 100 MiB.
    /// </summary>
    public long PullThresholdBytesForTopic { get; set; } = 100L * 1024 * 1024;

    /// <summary>Messages a queue holds before pulling waits, 1 to 65535. Default 1000.</summary>
    public int PullThresholdForQueue { get; set; } = 1000;

    /// <summary>Bytes of bodies a queue holds before pulling waits, 1 MiB to 1 GiB. Default 100 MiB.</summary>
    public long PullThresholdBytesForQueue { get; set; } = 100L * 1024 * 1024;

    /// <summary>Messages a queue never holds more of: no pull asks for more than fits. 1 to 65535. Default 1024.</summary>
    public int MaxCachedMessagesPerQueue { get; set; } = 1024;

    /// <summary>
    /// Bytes of bodies a queue does not go beyond: no pull asks for more than fits, though a broker gives one message
    /// however large it is. 1 MiB to 16 GiB. Default 512 MiB.
    /// </summary>
    public long MaxCachedBytesPerQueue { get; set; } = 512L * 1024 * 1024;

    /// <summary>How far the newest pulled message may be ahead of the oldest unfinished one, 1 to 65535. Default 2000.</summary>
    public int ConsumeMaxSpan { get; set; } = 2000;

    /// <summary>How often a message may fail before it goes to %DLQ%. Default 16.</summary>
    public int MaxReconsumeTimes { get; set; } = 16;

    /// <summary>
    /// Whether the group goes by what its operators have set at the brokers (<c>mqadmin updateSubGroup</c>): <c>retryMaxTimes</c> in
    /// the place of <see cref="MaxReconsumeTimes"/>, and <c>groupRetryPolicy</c>, if it has one, for the time until the next attempt
    /// unless the listener or an error rule says one. Asked for at the start and then every <c>RebalanceInterval</c>; until the
    /// first answer, and where brokers do not tell, the options go. Not in broadcasting. Default false, as in Java's clients over
    /// remoting.
    /// </summary>
    public bool UseBrokerRetryPolicy { get; set; }

    /// <summary>
    /// How long a listener may have a batch. Then its token fires, the messages go back to the broker (they come again after
    /// delay level 3, 10 s), and whatever the listener says later is ignored. 10 ms to 12 h. Default 15 min.
    /// </summary>
    public TimeSpan ConsumeTimeout { get; set; } = TimeSpan.FromMinutes(15);

    /// <summary>
    /// Whether a queue that cannot be started or pulled from is tried again by itself, with growing pauses up to 10 s.
    /// False: after <see cref="MaxRetryTimes"/> failures on end it stops pulling and shows its error, until it is resumed
    /// (see <c>IConsumerGroupManagementGrain.ResumeAsync</c>) or started anew. What it holds is consumed in any
    /// case. Default true.
    /// </summary>
    public bool AutoRecovery { get; set; } = true;

    /// <summary>
    /// Attempts to hand a message back to its broker, and failures of a queue on end, before that is reported as failed:
    /// the message is then given to the listener again, the queue stops where <see cref="AutoRecovery"/> is off. Between
    /// attempts <see cref="RetryInterval"/> passes. 1 to 100. Default 3.
    /// </summary>
    public int MaxRetryTimes { get; set; } = 3;

    /// <summary>How often progress is told to the brokers. Default 5 s.</summary>
    public TimeSpan PersistInterval { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// How often it is written down, in the grain storage <c>RocketMQ</c>, what a queue has done beyond its committed offset;
    /// whoever takes over from a silo that crashed does not do it again. Only queues with something new are written. Zero:
    /// never; then a crash repeats everything behind the oldest message that was not done. Default 1 s.
    /// </summary>
    public TimeSpan CheckpointInterval { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Whether RocketMQ's message trace tells who got which message and how the listener ended. Default false
    /// (<c>enableTrace</c>).
    /// </summary>
    public bool MessageTrace { get; set; }

    /// <summary>Where that goes. Default <c>RMQ_SYS_TRACE_TOPIC</c> (<c>customizedTraceTopic</c>).</summary>
    public string MessageTraceTopic { get; set; } = SystemTopics.Trace;

    /// <summary>
    /// Whether the group is of unit mode: one of the sites of a service that spans several. Default false
    /// (<c>unitMode</c>).
    /// </summary>
    public bool UnitMode { get; set; }

    /// <summary>How long to wait before trying again what failed: a pull, an offset, a hand-back. Default 1 s.</summary>
    public TimeSpan RetryInterval { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Orderly: whether a batch that succeeds may be committed at once. Without it the listener says when, by
    /// <c>ConsumeOrderlyResult.Commit</c>; what it leaves uncommitted counts against
    /// <see cref="PullThresholdForQueue"/>, so it must commit before that is reached. Default true.
    /// </summary>
    public bool AutoCommit { get; set; } = true;

    /// <summary>Orderly: how long a queue pauses after a failure, 10 ms to 30 s, unless the listener says. Default 1 s.</summary>
    public TimeSpan SuspendCurrentQueueTime { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Orderly: how often the queue locks at the brokers are renewed, 10 ms to less than <see cref="LockExpiry"/>. Default
    /// 20 s.
    /// </summary>
    public TimeSpan LockInterval { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>
    /// Orderly: how long after the last successful renewal a lock counts as lost, 50 ms to 60 s; a broker lets it go after 60 s.
    /// Default 30 s.
    /// </summary>
    public TimeSpan LockExpiry { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Orderly: what happens to a queue while a message fails again and again. Default <see cref="PoisonHandling.Block"/>.
    /// </summary>
    public PoisonHandling PoisonHandling { get; set; }

    /// <summary>
    /// With <see cref="PoisonHandling.Park"/>: sharding keys a queue sets aside at most, 1 to 10000; beyond it the queue
    /// blocks. Default 100.
    /// </summary>
    public int MaxParkedKeys { get; set; } = 100;

    /// <summary>
    /// With <see cref="PoisonHandling.Park"/>: messages a queue sets aside at most, 1 to 65535; beyond it the queue blocks.
    /// Default 500.
    /// </summary>
    public int MaxParkedMessages { get; set; } = 500;

    /// <summary>
    /// Key-ordered: the key of a message; null or empty for one without. Set in code only; must be fast and thread-safe and
    /// not throw. Equal messages must have equal keys on every silo. Default: the message's sharding key.
    /// </summary>
    public Func<MessageExt, string?>? KeySelector { get; set; }

    /// <summary>
    /// Key-ordered: how long a key waits after its first failure, 1 ms to 1 h; it doubles with each failure up to
    /// <see cref="MaxKeyRetryBackoff"/>, and up to half of it is taken off by chance. Default 1 s.
    /// </summary>
    public TimeSpan KeyRetryBackoff { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>Key-ordered: how long a failing key waits at most, <see cref="KeyRetryBackoff"/> to 1 h. Default 30 s.</summary>
    public TimeSpan MaxKeyRetryBackoff { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// For how long brokers may refuse to take a failed message, 0 to 1 h. Who still does not take it then, and has refused
    /// <see cref="MaxRetryTimes"/> times, never will: the message is parked, so that those behind it go on. Default 30 s.
    /// </summary>
    public TimeSpan ParkAfter { get; set; } = TimeSpan.FromSeconds(30);
}

/// <summary>A listener that is a delegate; what it is made of is the word of who calls it.</summary>
internal interface IDelegateListener
{
    /// <exception cref="RocketMQConfigurationException">The group would give it what it does not take.</exception>
    void Check(ConsumerOptions options);
}
