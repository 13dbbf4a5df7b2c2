using Orleans;

namespace OrleansRocketMQ;

/// <summary>
/// Tells about a consumer group as a whole; the grain's key is the group. Works from any silo with RocketMQ, whether it
/// runs the group or not, and from Orleans clients.
/// </summary>
[Alias("OrleansRocketMQ.IConsumerGroupManagementGrain")]
public interface IConsumerGroupManagementGrain : IGrainWithStringKey
{
    /// <summary>
    /// The group's queues, who owns them and how far they are. Of a group that runs nowhere: its queues and what is paused,
    /// with the state <see cref="ConsumerGroupState.Stopped"/>.
    /// </summary>
    /// <param name="cancellationToken">Gives up early.</param>
    /// <exception cref="ConsumerStateException">The group is not configured on any silo of the cluster.</exception>
    [Alias("GetStatus")]
    Task<ConsumerGroupStatus> GetStatusAsync(CancellationToken cancellationToken = default);

    /// <summary>
    /// Pauses the group, a topic or a queue on all silos: no pulls, and nothing that is buffered goes to listeners. What
    /// listeners have begun they end. Stays in force for queues that move and silos that join, until resumed.
    /// </summary>
    /// <returns>Once all silos that can be reached have been told.</returns>
    /// <exception cref="RocketMQValidationException">The group does not subscribe to the topic.</exception>
    /// <exception cref="ConsumerStateException">The group is not configured on any silo of the cluster.</exception>
    [Alias("Pause")]
    Task<FlowSettings> PauseAsync(ConsumerScope scope);

    /// <summary>
    /// Ends exactly that pause: resuming the group leaves topics and queues paused that were paused by themselves. Queues in
    /// the scope that have stopped because of failures (auto recovery off), or by an error rule, go on.
    /// </summary>
    /// <inheritdoc cref="PauseAsync"/>
    [Alias("Resume")]
    Task<FlowSettings> ResumeAsync(ConsumerScope scope);

    /// <summary>
    /// Limits how many messages of a topic go to listeners per second, over all silos of the cluster; takes effect at once.
    /// Each silo gets the part of the limit that it has of the topic's queues, so the sum never exceeds the limit, but
    /// falls short of it while messages are only in some queues; the part of members in other programs is nobody's.
    /// Bursts hold at most one second's messages. Retried messages are of the topic %RETRY%group.
    /// </summary>
    /// <param name="topic">The topic.</param>
    /// <param name="messagesPerSecond">The limit, above 0; null: none.</param>
    /// <exception cref="RocketMQValidationException">The group does not subscribe to the topic, or the limit is not above 0.</exception>
    /// <inheritdoc cref="PauseAsync"/>
    [Alias("LimitRate")]
    Task<FlowSettings> LimitRateAsync(string topic, double? messagesPerSecond);

    /// <summary>What is paused and slowed down now.</summary>
    [Alias("GetFlow")]
    Task<FlowSettings> GetFlowAsync();

    /// <summary>
    /// Lets queues go on at another place, further back or further on: what was pulled and no listener has got is dropped,
    /// what listeners have begun they end (it does not count any more), the new offset is stored, and consumption goes
    /// on from there. Queues that are paused stay so. A group whose members all get every message goes there on every silo.
    /// A group that is stopped everywhere may be moved too, so that it begins there when it is started.
    /// </summary>
    /// <param name="scope">
    /// Which queues. Everything includes the group's %RETRY% topic: attempts of long ago come again when it goes back; name
    /// the topics one by one if that is not wanted.
    /// </param>
    /// <param name="target">Where they go on.</param>
    /// <returns>The new offset of each queue, once all of them are there.</returns>
    /// <exception cref="RocketMQValidationException">
    /// The offset is not one the queue has or is not for one queue alone; the topic is not subscribed to; there is no such
    /// queue. Nothing is done then.
    /// </exception>
    /// <exception cref="RebalanceException">A queue is consumed by a member in another program. Nothing is done then.</exception>
    /// <exception cref="OffsetException">
    /// A listener or a broker takes longer than 20 s; the queue goes there as soon as they let it. Or the queue waits for its
    /// lock, the membership or its next attempt; then it stays where it is. The message says which.
    /// </exception>
    /// <exception cref="ConsumerStateException">
    /// The group is not configured on any silo of the cluster; a queue runs nowhere; it is stopped here, but not by other
    /// members; or it is stopped and its members all get every message.
    /// </exception>
    [ResponseTimeout("00:02:00")]
    [Alias("Seek")]
    Task<IReadOnlyDictionary<MessageQueue, long>> SeekAsync(ConsumerScope scope, SeekTarget target);

    /// <summary>
    /// Runs a queue on a silo of the operator's choice instead of the one the strategy says, until it is released, or that
    /// silo stops or is drained: then the strategy's answer holds. Other silos that join or stop change nothing. The queue
    /// is handed over as in any planned move: no message is lost, and none comes twice. Only silos of this cluster share
    /// queues out anew among themselves; members in other programs notice nothing.
    /// </summary>
    /// <param name="queue">The queue.</param>
    /// <param name="silo">The silo, as <see cref="SiloConsumerStatus.Silo"/> names it.</param>
    /// <returns>Once the queue runs there.</returns>
    /// <exception cref="RocketMQValidationException">
    /// The group has no such queue; the silo does not run the group, or is drained. Nothing is done then.
    /// </exception>
    /// <exception cref="RebalanceException">
    /// The queue belongs to a member in another program, and nothing is done; or it has not arrived within 30 s after
    /// <c>ShutdownTimeout</c>, and comes later.
    /// </exception>
    /// <exception cref="ConsumerStateException">No silo of the cluster runs this group, or all members of it get every message.</exception>
    [ResponseTimeout("00:12:00")]
    [Alias("MoveQueue")]
    Task MoveQueueAsync(MessageQueue queue, string silo);

    /// <summary>Gives a queue that was moved back to the strategy; does nothing when it was not.</summary>
    /// <returns>Once all silos that can be reached have been told; the queue moves then, if it has to.</returns>
    /// <exception cref="ConsumerStateException">No silo of the cluster runs this group.</exception>
    [Alias("ReleaseQueue")]
    Task ReleaseQueueAsync(MessageQueue queue);

    /// <summary>
    /// Takes all queues of this group from a silo, which stays up and stays a member, and lets the others of the cluster
    /// have them, as if it stopped: listeners finish, offsets are committed, no message is lost, and none comes twice. A
    /// whole silo is drained by draining it for each group, or by stopping it. A drained silo gets queues again when it is
    /// restored, when it has been restarted, or when no other silo of the cluster is left to run the group.
    /// </summary>
    /// <param name="silo">The silo, as <see cref="SiloConsumerStatus.Silo"/> names it.</param>
    /// <returns>
    /// The queues it still has: none once all have gone; some when that took longer than 30 s after <c>ShutdownTimeout</c>, or
    /// when the strategy gives them to nobody else.
    /// </returns>
    /// <exception cref="RocketMQValidationException">The silo does not run the group.</exception>
    /// <exception cref="ConsumerStateException">
    /// No silo, or no other one that is not drained, runs the group; or all members of it get every message.
    /// </exception>
    [ResponseTimeout("00:12:00")]
    [Alias("DrainSilo")]
    Task<IReadOnlyList<MessageQueue>> DrainSiloAsync(string silo);

    /// <summary>Lets a drained silo have queues again; does nothing when it is not drained.</summary>
    /// <returns>Once all silos that can be reached have been told; the queues move then.</returns>
    /// <exception cref="RocketMQValidationException">The silo does not run the group.</exception>
    /// <exception cref="ConsumerStateException">No silo of the cluster runs this group.</exception>
    [Alias("RestoreSilo")]
    Task RestoreSiloAsync(string silo);

    /// <summary>Subscribes the group to a topic, on all silos; see <c>ISubscriptionManager</c>.</summary>
    /// <param name="topic">The topic; it may be made later.</param>
    /// <param name="selector">Which messages; null for all.</param>
    /// <exception cref="SubscribeException">It is refused; the derived class says why.</exception>
    /// <exception cref="ConsumerStateException">The group is not configured on any silo of the cluster.</exception>
    [Alias("Subscribe")]
    Task SubscribeAsync(string topic, MessageSelector? selector = null);

    /// <summary>Gives a topic up, on all silos: its queues finish what they have begun, commit, and are released.</summary>
    /// <exception cref="NotSubscribedException">There is no subscription.</exception>
    /// <exception cref="ConsumerStateException">The group is not configured on any silo of the cluster.</exception>
    [Alias("Unsubscribe")]
    Task UnsubscribeAsync(string topic);

    /// <summary>
    /// Starts the group on all silos of the cluster where it is configured; where it runs nothing happens. A silo that joins
    /// later decides by its own <c>AutoStart</c>.
    /// </summary>
    /// <returns>The silos where it runs now.</returns>
    /// <exception cref="ConsumerStartException">It could not be started on a silo; it may run on others.</exception>
    /// <exception cref="ConsumerStateException">The group is not configured on any silo.</exception>
    [ResponseTimeout("00:12:00")]
    [Alias("Start")]
    Task<IReadOnlyList<string>> StartAsync();

    /// <summary>
    /// Stops the group on all silos of the cluster: listeners finish, offsets are committed, and the silos leave the group at
    /// the brokers, so that members in other programs take its queues. A silo that joins later decides by its own
    /// <c>AutoStart</c>; to keep a group still whoever joins, pause it.
    /// </summary>
    /// <returns>The silos where it is configured; it is stopped there.</returns>
    /// <exception cref="ConsumerShutdownException">
    /// It has stopped, but listeners did not end in time; what they had comes again.
    /// </exception>
    /// <exception cref="ConsumerStateException">The group is not configured on any silo.</exception>
    [ResponseTimeout("00:12:00")]
    [Alias("Stop")]
    Task<IReadOnlyList<string>> StopAsync();
}

/// <summary>A group at one moment.</summary>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.ConsumerGroupStatus")]
public sealed record ConsumerGroupStatus
{
    /// <summary>The group.</summary>
    [Id(0)]
    public required string Group { get; init; }

    /// <summary>Whether any silo of the cluster runs it.</summary>
    [Id(7)]
    public ConsumerGroupState State { get; init; } = ConsumerGroupState.Running;

    /// <summary>
    /// Client ids the brokers list for the group, those of other programs included. Not asked for while it is stopped, and
    /// empty then.
    /// </summary>
    [Id(1)]
    public required IReadOnlyList<string> ClientIds { get; init; }

    /// <summary>Every queue of the subscribed topics, in order.</summary>
    [Id(2)]
    public required IReadOnlyList<QueueStatus> Queues { get; init; }

    /// <summary>What is paused and slowed down.</summary>
    [Id(3)]
    public FlowSettings Flow { get; init; } = FlowSettings.None;

    /// <summary>What was consumed, over all silos that answer, each since its start.</summary>
    [Id(4)]
    public ConsumeFigures Figures { get; init; } = ConsumeFigures.None;

    /// <summary>The same by topic.</summary>
    [Id(5)]
    public IReadOnlyDictionary<string, ConsumeFigures> Topics { get; init; } = new Dictionary<string, ConsumeFigures>();

    /// <summary>The silos that run the group.</summary>
    [Id(6)]
    public IReadOnlyList<SiloConsumerStatus> Silos { get; init; } = [];

    /// <summary>
    /// The topics that the group consumes, in order; those too that no broker has, or that have no queue yet. Empty from silos of
    /// versions before 0.3.
    /// </summary>
    [Id(8)]
    public IReadOnlyList<string> SubscribedTopics { get; init; } = [];

    /// <summary>Messages not yet consumed, over all queues that run in this cluster; null when that of one of them is not known.</summary>
    public long? Lag => QueueStatus.SumOfLags(Queues.Where(queue => queue.Silo.Length > 0 || queue.IsMoving));
}

/// <summary>Whether a group runs in this cluster.</summary>
public enum ConsumerGroupState
{
    /// <summary>No silo runs it.</summary>
    Stopped = 0,

    /// <summary>At least one silo runs it.</summary>
    Running = 1,
}

/// <summary>A queue at one moment.</summary>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.QueueStatus")]
public sealed record QueueStatus
{
    /// <summary>The queue.</summary>
    [Id(0)]
    public required MessageQueue Queue { get; init; }

    /// <summary>The client id that owns it by allocation; empty when nobody does.</summary>
    [Id(1)]
    public string Owner { get; init; } = string.Empty;

    /// <summary>
    /// The silo it runs on, as <see cref="SiloConsumerStatus.Silo"/> names it; empty when it runs in another program or has
    /// not started.
    /// </summary>
    [Id(2)]
    public string Silo { get; init; } = string.Empty;

    /// <summary>The offset below which everything is done, as last committed; -1 when unknown.</summary>
    [Id(3)]
    public long CommittedOffset { get; init; } = -1;

    /// <summary>The offset below which everything is done, committed or not; -1 when unknown.</summary>
    [Id(4)]
    public long Watermark { get; init; } = -1;

    /// <summary>The offset the next pull starts at; -1 when unknown.</summary>
    [Id(5)]
    public long NextPullOffset { get; init; } = -1;

    /// <summary>
    /// The offset the broker gives to the next message stored; -1 when unknown, also when the broker has not answered the
    /// last time.
    /// </summary>
    [Id(6)]
    public long MaxOffset { get; init; } = -1;

    /// <summary>Messages pulled and not yet done.</summary>
    [Id(7)]
    public int CachedMessages { get; init; }

    /// <summary>Bytes of their bodies.</summary>
    [Id(8)]
    public long CachedBytes { get; init; }

    /// <summary>Messages a listener works on now.</summary>
    [Id(9)]
    public int InFlight { get; init; }

    /// <summary>What last went wrong with the queue; empty when nothing did.</summary>
    [Id(10)]
    public string LastError { get; init; } = string.Empty;

    /// <summary>Whether it is paused: it neither pulls nor gives messages to listeners.</summary>
    [Id(11)]
    public bool IsPaused { get; init; }

    /// <summary>
    /// Whether it has stopped pulling because of <see cref="LastError"/>, and waits to be resumed (auto recovery is off).
    /// </summary>
    [Id(12)]
    public bool HasFailed { get; init; }

    /// <summary>What was consumed of it since it came to the silo it is on.</summary>
    [Id(13)]
    public ConsumeFigures Figures { get; init; } = ConsumeFigures.None;

    /// <summary>The lowest offset of a message pulled and not done; -1 when there is none.</summary>
    [Id(21)]
    public long CachedMinOffset { get; init; } = -1;

    /// <summary>The highest offset of a message pulled and not done; -1 when there is none.</summary>
    [Id(22)]
    public long CachedMaxOffset { get; init; } = -1;

    /// <summary>When the broker last answered a pull of the queue; null before the first answer.</summary>
    [Id(23)]
    public DateTimeOffset? LastPulledAt { get; init; }

    /// <summary>When messages of the queue were last done; null before.</summary>
    [Id(24)]
    public DateTimeOffset? LastConsumedAt { get; init; }

    /// <summary>The message a listener has had for the longest time; null when none has any.</summary>
    [Id(25)]
    public RunningMessageStatus? Slowest { get; init; }

    /// <summary>Whether the queue needs a lock at its broker, and has it.</summary>
    [Id(26)]
    public QueueLockState Lock { get; init; }

    /// <summary>The silo an operator has moved it to; empty when its place is the strategy's matter.</summary>
    [Id(27)]
    public string PinnedTo { get; init; } = string.Empty;

    /// <summary>
    /// Whether <see cref="PinnedTo"/> does not hold now: the silo is gone, drained, or does not run the group; or another
    /// program has the queue.
    /// </summary>
    [Id(28)]
    public bool IsPinIgnored { get; init; }

    /// <summary>
    /// Whether it is on its way: it has not begun on the silo it belongs to. Stays so when it cannot begin, with the reason
    /// in <see cref="LastError"/>.
    /// </summary>
    [Id(29)]
    public bool IsMoving { get; init; }

    /// <summary>What is known of a queue that is consumed in order; null for others, and until its first message came.</summary>
    [Id(30)]
    public OrderlyQueueStatus? Orderly { get; init; }

    /// <summary>What is known of a queue that is consumed in the order of keys; null for others.</summary>
    [Id(40)]
    public KeyedQueueStatus? Keys { get; init; }

    /// <summary>
    /// What is known of a queue that is popped; null for one that is pulled. A popped one has no offsets here: only its broker knows
    /// how far it is.
    /// </summary>
    [Id(41)]
    public PoppedQueueStatus? Popped { get; init; }

    /// <summary>Messages not yet consumed; null when that is not known, for example because the broker does not answer.</summary>
    public long? Lag => MaxOffset < 0 || Watermark < 0 ? null : Math.Max(0, MaxOffset - Watermark);

    /// <summary>Whether it is known where it begins: it has been pulled or popped on its silo, or is about to be.</summary>
    internal bool HasBegun => Popped is null ? NextPullOffset >= 0 : LastPulledAt is not null;

    /// <summary>Of all queues; null when that of one is not known.</summary>
    internal static long? SumOfLags(IEnumerable<QueueStatus> queues)
    {
        var sum = 0L;
        foreach (var queue in queues)
        {
            if (queue.Lag is not { } lag)
            {
                return null;
            }

            sum += lag;
        }

        return sum;
    }
}
