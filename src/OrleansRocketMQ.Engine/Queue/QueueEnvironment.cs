using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Dispatch;
using OrleansRocketMQ.Engine.Flow;
using OrleansRocketMQ.Engine.Locks;
using OrleansRocketMQ.Engine.Offsets;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Scheduling;
using OrleansRocketMQ.Engine.Statistics;
using OrleansRocketMQ.Engine.Window;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Engine.Queue;

/// <summary>All that the queues of one group on one member share, and ask of the world. Immutable; what it names is thread-safe.</summary>
internal sealed record QueueEnvironment
{
    public required ConsumerOptions Options { get; init; }

    /// <summary>This member's id, as brokers know it.</summary>
    public required string ClientId { get; init; }

    /// <summary>Clock, scheduler and chance.</summary>
    public required EngineRuntime Runtime { get; init; }

    public required IBrokers Brokers { get; init; }

    public required IRoutes Routes { get; init; }

    public required IFence Fence { get; init; }

    public required IGroup Group { get; init; }

    /// <summary>Where the group's progress is kept.</summary>
    public required IOffsetStore Offsets { get; init; }

    /// <summary>Where a queue begins of which nothing is stored.</summary>
    public required StartOffset StartOffset { get; init; }

    /// <summary>Brings messages to listeners.</summary>
    public required IQueueDispatcher Dispatcher { get; init; }

    /// <summary>What the queues may hold together.</summary>
    public required GroupQuotas Budgets { get; init; }

    public required GroupStatistics Statistics { get; init; }

    /// <summary>The queue locks at the brokers; null where none are needed.</summary>
    public QueueLocks? Locks { get; init; }

    /// <summary>What the queues have done beyond their commits; null when that is not written down.</summary>
    public GroupCheckpoints? Checkpoints { get; init; }

    /// <summary>Where messages are noted that nobody takes; null where nothing is.</summary>
    public IParkedMessageStore? Parked { get; init; }

    /// <summary>The names of topics on the wire.</summary>
    public ClientNamespace Names { get; init; } = ClientNamespace.None;

    /// <summary>How messages are decoded.</summary>
    public MessageDecoderOptions DecoderOptions { get; init; } = MessageDecoderOptions.Default;

    /// <summary>Whether messages are given to listeners for the time of a call only, so that their bytes may be of a pool.</summary>
    public bool AreLeased { get; init; }

    /// <summary>See <see cref="CallSize"/>.</summary>
    public long MostBytesPerCall { get; init; } = long.MaxValue;

    /// <summary>Sees every event of a queue with the state it meets; null in production. Must be quick and call nobody back.</summary>
    public Action<MessageQueue, QueueState, QueueEvent>? Observe { get; init; }

    /// <summary>Whether every member of the group gets every message.</summary>
    public bool IsBroadcasting => Options.MessageModel == MessageModel.Broadcasting;

    /// <summary>The broker that keeps a queue's offsets.</summary>
    /// <exception cref="BrokerNotAvailableException">Its address is not known.</exception>
    public string MasterOf(MessageQueue queue) => Routes.FindAddress(queue)?.Address ?? throw NoBroker(queue);

    /// <summary>
    /// The broker set that a queue's requests go to just now; of a logical queue that nobody leads the name that stands for it.
    /// </summary>
    public string BrokerOf(MessageQueue queue)
        => queue.IsLogical ? Routes.FindAddress(queue)?.BrokerName ?? queue.BrokerName : queue.BrokerName;

    /// <summary>Nobody knows where a queue's broker is.</summary>
    public static BrokerNotAvailableException NoBroker(MessageQueue queue)
        => new($"No address of broker '{queue.BrokerName}' is known for queue {queue}.");
}

/// <summary>What comes along with a queue from the member it was on.</summary>
/// <param name="Progress">How far it is; null where only its broker knows, since it was popped.</param>
/// <param name="HasCheckpoint">Whether something may be written down of it that must go one day.</param>
/// <param name="IdleSince">When the last work on it ended there, in ticks of UTC; 0 when that is not known.</param>
/// <param name="HasUnstoredReset">
/// Whether it is there because the broker demands it, and the store has not taken that: what the store has is of before.
/// </param>
internal sealed record QueueArrival(AckSnapshot? Progress, bool HasCheckpoint, long IdleSince, bool HasUnstoredReset = false)
{
    /// <summary>What was done ahead of others in its last pop in order; null when nothing was.</summary>
    public DoneAhead? DoneAhead { get; private init; }

    /// <summary>Nothing is known but where the broker demands that the queue begins, which the store has not taken.</summary>
    public static QueueArrival AtUnstoredReset(long offset)
        => new(new(offset, offset, []), HasCheckpoint: false, IdleSince: 0, HasUnstoredReset: true);

    /// <summary>It was popped.</summary>
    /// <param name="unstoredReset">See <see cref="AtUnstoredReset"/>; null when the broker demands nothing.</param>
    /// <param name="doneAhead">See <see cref="DoneAhead"/>.</param>
    public static QueueArrival? OfPopped(long? unstoredReset, DoneAhead? doneAhead)
        => unstoredReset is { } offset ? AtUnstoredReset(offset)
            : doneAhead is null ? null
            : new(Progress: null, HasCheckpoint: false, IdleSince: 0) { DoneAhead = doneAhead };
}
