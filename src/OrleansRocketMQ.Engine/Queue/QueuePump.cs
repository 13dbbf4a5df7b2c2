using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Dispatch;
using OrleansRocketMQ.Engine.Flow;
using OrleansRocketMQ.Engine.Locks;
using OrleansRocketMQ.Engine.Offsets;
using OrleansRocketMQ.Engine.Scheduling;
using OrleansRocketMQ.Engine.Statistics;
using OrleansRocketMQ.Engine.Subscriptions;
using OrleansRocketMQ.Engine.Window;

namespace OrleansRocketMQ.Engine.Queue;

/// <summary>
/// Keeps one queue flowing: finds where to start, pulls by long polling while there is room, hands what comes to the
/// dispatcher, and knows what may be committed. What it may do stands in its <see cref="QueueState"/>; its loop only carries
/// out what that says. Runs by the engine's scheduler; may be called from anywhere, such as the turn of a grain.
/// Mirrors the pull half of <c>DefaultMQPushConsumerImpl</c>.
/// </summary>
internal sealed partial class QueuePump : IStoredQueue, ICheckpointedQueue, IGroupQueue
{
    private readonly CancellationTokenSource _stopping = new();
    private readonly CancellationTokenSource _abandon = new();
    private readonly QueueStateMachine _states;
    private readonly QueueEnvironment _environment;
    private readonly EngineRuntime _runtime;
    private readonly PullFlowController _pullFlow;
    private readonly QueueQuotaUsage _holdings;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly List<MessageExt> _pulled = new(64);
    private readonly TaskTracker _tasks = new();
    private readonly OffsetCommitter _commits;
    private readonly PullRetryPolicy _retry;
    private readonly QueueLock? _lock;
    private readonly StartPositionResolver _startPosition;
    private readonly PulledRecords _records;
    private readonly BrokenRecord _broken;
    private readonly QueueEnd _end;
    private QueueLease _ownership;
    private Subscription _subscription;
    private Task _pumping = Task.CompletedTask;
    private long _maxOffset = -1;
    private long _nextOffset = -1;
    private long _lastPulledAt;
    private long _lastConsumedAt;
    private Task? _stopped;

    /// <param name="queue">The queue.</param>
    /// <param name="environment">What it shares with the other queues of its group.</param>
    /// <param name="arrival">What comes along from the member it was on; null when it just starts.</param>
    /// <param name="logger">The log.</param>
    /// <exception cref="NotSubscribedException">The group does not subscribe to the queue's topic.</exception>
    public QueuePump(MessageQueue queue, QueueEnvironment environment, QueueArrival? arrival, ILogger logger)
    {
        var options = environment.Options;
        Queue = queue;
        _environment = environment;
        _runtime = environment.Runtime;
        _time = _runtime.Time;
        _logger = logger;
        _subscription = environment.Group.FindSubscription(queue.Topic) ?? throw new NotSubscribedException(queue.Topic, options.Group);
        StartedAt = _heardAt = _time.GetTimestamp();
        _handedOverAt = arrival?.IdleSince ?? 0;
        _commits = new OffsetCommitter(queue, environment.Offsets, _time);
        _checkpoint = environment.Checkpoints?.Open(queue);
        _checkpoint?.MayExist |= arrival is { HasCheckpoint: true };
        _startPosition = new StartPositionResolver(
            queue, environment, arrival, _checkpoint, reset => Raise(QueueEvent.BrokerReset(reset)));
        _records = new PulledRecords(queue, environment, logger);
        _broken = new BrokenRecord(queue, environment, logger);
        _end = new QueueEnd(queue, environment.Brokers);
        _retry = new PullRetryPolicy(queue, environment, logger);
        var budgets = environment.Budgets.Of(queue.Topic);
        _holdings = new QueueQuotaUsage(budgets);
        Statistics = environment.Statistics.Open(queue);
        Running = new RunningCalls(_time);
        Runs = new DispatchBuffer(
            new ProcessQueue(0), environment.Group.OpenGate(queue), BatchRule.Of(options, _time), environment.Dispatcher.IsByPriority)
        {
            MostBytes = environment.MostBytesPerCall,
        };
        Runs.Gate.IsInDoubt = IsInDoubt;
        _lock = environment.Locks?.Add(queue);
        // In order, nothing runs ahead of an unfinished message, except of one that is parked.
        var limitsSpan = _lock is null || options.PoisonHandling == PoisonHandling.Park;
        _pullFlow = new PullFlowController(options, Runs, budgets, _time, limitsSpan);
        _ownership = _lock is null
            ? QueueLease.WithoutLock(_stopping.Token, _abandon.Token)
            : QueueLease.BeforeLock(_stopping.Token, _abandon.Token);
        var observe = environment.Observe;
        _states = new QueueStateMachine(
            QueueState.New(needsLock: _lock is not null),
            OnState,
            observe is null ? null : (state, happened) => observe(queue, state, happened));
        _watchdog = new QueueWatchdog(options.Group, queue, () => (State, Moved), Patience, Fail, _time, logger);
        _isPullOver = () => _states.Current.Task != QueueTask.Pull;
    }

    public MessageQueue Queue { get; }

    /// <summary>When it was made, by the clock's time stamp.</summary>
    public long StartedAt { get; }

    public bool IsPopped => false;

    public long? Unacknowledged => null;

    public bool IsEnding => State.IsStopping;

    public DispatchBuffer Runs { get; }

    public QueueStatistics Statistics { get; }

    /// <summary>What listeners work on.</summary>
    public RunningCalls Running { get; }

    /// <summary>What the queue is in.</summary>
    public QueueState State => _states.Current;

    /// <summary>How far the queue is; null before that is known.</summary>
    public AckSnapshot? Progress => State switch
    {
        { Move: { Reason: MoveReason.Overtaken } move, IsPositioned: true } => Runs.Window.Snapshot().From(move.Offset),
        { Move: { } move } when move.IsStored || move.Reason == MoveReason.Reset => new AckSnapshot(move.Offset, move.Offset, []),
        { IsPositioned: true } => Runs.Window.Snapshot(),
        // What came along counts no more once the queue was moved, or the lock was lost: another member may have gone on, or gone back.
        { Moves: 0, HasLock: true } when _ownership.Number <= 1 => _startPosition.Arrival?.Progress,
        { Moves: 0 } when _ownership.Number == 0 => _startPosition.Arrival?.Progress,
        _ => null,
    };

    /// <summary>Whether the store has not taken a reset by the broker: what it has says nothing of <see cref="Progress"/>.</summary>
    public bool HasUnstoredReset => State switch
    {
        { Move: { Reason: MoveReason.Reset, IsStored: false } } => true,
        { Moves: 0, IsPositioned: false } => _startPosition.Arrival is { HasUnstoredReset: true },
        _ => _commits.HasUnstoredMove,
    };

    public long? UnstoredReset => HasUnstoredReset ? Progress?.Watermark : null;

    /// <summary>Whether something is consumed, or being consumed, that the broker does not know of yet.</summary>
    public bool HoldsUncommitted => HasBegun && (Runs.InFlight > 0 || Runs.Window.Watermark > _commits.Committed);

    // The fence closes by the clock before the state hears of it.
    public bool IsCertain => State.IsCertain && !_environment.Fence.IsClosed;

    /// <summary>Messages listeners still had when the queue's time to stop was over.</summary>
    public int Abandoned { get; private set; }

    /// <summary>Whether the queue has ended here.</summary>
    public bool IsStopped => Volatile.Read(ref _stopped) is { IsCompleted: true };

    /// <summary>Fires when the queue begins to stop.</summary>
    public CancellationToken Stopping => _stopping.Token;

    /// <summary>The time the queue may be worked on, now; not valid while the queue waits for its lock.</summary>
    public QueueLease Ownership => Volatile.Read(ref _ownership);

    /// <summary>Whether the whole group stops on this silo, not only this queue.</summary>
    public bool IsGroupStopping => _environment.Group.IsStopping;

    /// <summary>Whether it must be asked where listeners are before they are given messages.</summary>
    public bool DoListenersMove => _environment.Group.DoListenersMove;

    /// <summary>What listeners get: fires when their time to finish is over, or the queue's lock is lost.</summary>
    public CancellationToken ListenerToken => Ownership.Listening;

    private ConsumerOptions Options => _environment.Options;

    public void Start()
    {
        // Whoever closes the fence from now on tells this queue, too.
        if (_environment.Fence.IsClosed)
        {
            Raise(QueueEventKind.FenceClosed);
        }

        _pumping = _runtime.Scheduler.StartLoop($"{Queue} of group {Options.Group}", PumpAsync, _time, _logger, _stopping.Token);
    }

    /// <summary>Lets the queue's owner wait for a task that must not outlive it.</summary>
    public void Track(Task task) => _tasks.Add(task);

    public void OnProgress()
    {
        Volatile.Write(ref _lastConsumedAt, _time.GetUtcNow().Ticks);
        _pullFlow.OnProgress();
    }

    public void OnReturned() => _pullFlow.OnProgress();

    /// <summary>It has come into doubt, or is no more in doubt, that the queue is this silo's.</summary>
    public void OnFence(bool closed) => Raise(closed ? QueueEventKind.FenceClosed : QueueEventKind.FenceOpened);

    /// <summary>Somebody has paused or resumed queues, or changed how fast they may go.</summary>
    public void OnFlow()
    {
        NotePause();
        _pullFlow.OnProgress();
    }

    /// <summary>Looks whether the queue stands still for longer than it may.</summary>
    public void LookWhetherItMoves()
    {
        if (!State.IsStopping)
        {
            _watchdog.Look();
        }
    }

    public void Fail(Exception exception) => _retry.LastError = exception;

    /// <summary>
    /// Lets a queue go on that stopped because of failures: see <see cref="ConsumerOptions.AutoRecovery"/> and
    /// <see cref="ErrorAction.Stop"/>.
    /// </summary>
    public void Recover()
    {
        if (Runs.Gate.Stopped is not null)
        {
            Runs.Gate.EndStop();
            OnStopEnded();
        }

        Raise(QueueEventKind.Recovered);
    }

    /// <inheritdoc/>
    public void Recover(QueueStop stop)
    {
        if (Runs.Gate.EndStop(stop))
        {
            OnStopEnded();
            Raise(QueueEventKind.Recovered);
        }
    }

    private void OnStopEnded()
    {
        OnFlow();

        // Where nobody has looked since the stop the state knows of no change, and tells nobody.
        _environment.Dispatcher.Signal(this);
    }

    /// <summary>
    /// The queue goes on at the given offset: its pull is broken off, what no listener has got yet is dropped, what one
    /// works on ends first. Holds for a queue that is paused or has stopped because of failures, too.
    /// </summary>
    public SeekRequest Seek(long offset)
    {
        var seek = _states.Seek(offset, out var actions);
        CarryOut(actions);
        return seek;
    }

    /// <summary>Nobody waits for the seek any more. One that the store may know of holds all the same.</summary>
    /// <returns>Whether the queue forgets it.</returns>
    public bool Withdraw(SeekRequest seek) => Raise(QueueEvent.SeekWithdrawn(seek.Move)).HasFlag(QueueActions.CancelSeek);

    /// <inheritdoc/>
    public bool MayHaveNews => _commits.MayHaveNews(Committable());

    /// <summary>Tells the broker how far the queue is.</summary>
    /// <exception cref="RocketMQException">The broker did not take it; it is told again next time.</exception>
    public Task CommitAsync() => _commits.CommitAsync(Committable);

    /// <summary>How the queue fares.</summary>
    public QueueSnapshot Snapshot() => _environment.Dispatcher.Describe(this, new QueueSnapshot
    {
        Queue = Queue,
        Owner = _environment.ClientId,
        CommittedOffset = _commits.Committed,
        Watermark = HasBegun ? Runs.Window.Watermark : -1,
        NextPullOffset = HasBegun ? Volatile.Read(ref _nextOffset) : -1,
        MaxOffset = MaxOffset,
        CachedMessages = Runs.Window.Count,
        CachedBytes = Runs.Window.Bytes,
        InFlight = Runs.InFlight,
        CachedMinOffset = Runs.Window.MinOffset,
        CachedMaxOffset = Runs.Window.MaxOffset,
        LastPulledAt = Moment(ref _lastPulledAt),
        LastConsumedAt = Moment(ref _lastConsumedAt),
        LastError = Error,
        IsPaused = Runs.Gate.IsPaused,
        HasFailed = HasFailed,
        Totals = Statistics.Totals(),
        Slowest = Running.Slowest(),
        IsLocked = _lock is null ? null : Ownership.IsValid,
    });

    // The state knows what may be told; the lock's end and the fence's closing show in the clock before the state hears of them.
    private long Committable() => Ownership.IsValid && !_environment.Fence.IsClosed ? State.Committable(Runs.Window.Watermark) : -1;

    private static DateTimeOffset? Moment(ref long ticks)
        => Volatile.Read(ref ticks) is > 0 and var known ? new DateTimeOffset(known, TimeSpan.Zero) : null;

    string IStoredQueue.Broker => _environment.BrokerOf(Queue);

    private string MasterAddress() => _environment.MasterOf(Queue);

    private static partial class Log
    {
        [LoggerMessage(131, LogLevel.Information, "Group {Group} begins {Topic} {Broker}/{QueueId} at offset {Offset}")]
        public static partial void Begins(ILogger logger, string group, string topic, string broker, int queueId, long offset);

        [LoggerMessage(
            132,
            LogLevel.Warning,
            "Group {Group} moves {Topic} {Broker}/{QueueId} from offset {From} to {To} as the broker demands")]
        public static partial void OffsetMoved(ILogger logger, string group, string topic, string broker, int queueId, long from, long to);

        [LoggerMessage(
            234,
            LogLevel.Warning,
            "Group {Group}: another member has taken {Topic} {Broker}/{QueueId} from {Watermark} to {Stored} meanwhile; it goes on there")]
        public static partial void OvertakenBehindFence(
            ILogger logger, string group, string topic, string broker, int queueId, long watermark, long stored);

        [LoggerMessage(
            235,
            LogLevel.Information,
            "Group {Group} moves {Topic} {Broker}/{QueueId} from offset {From} to {To} because somebody asked for it")]
        public static partial void Reset(ILogger logger, string group, string topic, string broker, int queueId, long from, long to);
    }
}
