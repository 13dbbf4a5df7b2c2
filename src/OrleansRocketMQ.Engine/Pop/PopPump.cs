using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Dispatch;
using OrleansRocketMQ.Engine.Flow;
using OrleansRocketMQ.Engine.Locks;
using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Scheduling;
using OrleansRocketMQ.Engine.Statistics;
using OrleansRocketMQ.Engine.Subscriptions;
using OrleansRocketMQ.Engine.Window;

namespace OrleansRocketMQ.Engine.Pop;

/// <summary>
/// Keeps one queue flowing whose messages are popped: asks for messages while there is room, hands what comes to the
/// dispatcher, and has <see cref="PopKeeper"/> tell the broker of each what has become of it. The counterpart of
/// <see cref="QueuePump"/>: what may be done stands in its <see cref="PopState"/>. Runs by the engine's scheduler; may be called
/// from anywhere. Mirrors <c>DefaultMQPushConsumerImpl.popMessage</c>.
/// </summary>
/// <remarks>
/// Where messages have an order the broker keeps it: asked to, it gives a queue's next messages when it has heard of all it gave
/// before, and those again, from the first that is not done on, of which it has not heard in time.
/// </remarks>
internal sealed partial class PopPump : IGroupQueue, IPopHolder
{
    private readonly CancellationTokenSource _stopping = new();
    private readonly CancellationTokenSource _abandon = new();
    private readonly CancellationTokenSource _asking = new();
    private readonly Lock _gate = new();

    // What comes goes to the present window, and not to one that is just given up.
    private readonly Lock _windows = new();
    private readonly bool _isInOrder;
    private readonly QueueEnvironment _environment;
    private readonly EngineRuntime _runtime;
    private readonly PullFlowController _flow;
    private readonly QueueQuotaUsage _holdings;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly TaskTracker _tasks = new();
    private readonly AsyncTurns _offsetTurn = new();
    private readonly PullRetryPolicy _retry;
    private readonly PopKeeper _keeper;
    private Subscription _subscription;
    private PopState _state = new();
    private Task _popping = Task.CompletedTask;
    private Task? _stopped;
    private long _lastPoppedAt;
    private long _lastConsumedAt;
    private long _heardAt;
    private volatile bool _hasPopped;
    private long _unstoredReset = -1;
    private volatile bool _waitsForRoom;

    /// <param name="queue">The queue.</param>
    /// <param name="environment">What it shares with the other queues of its group.</param>
    /// <param name="arrival">What comes along from the member it was on, or from before it was popped; null when nothing does.</param>
    /// <param name="logger">The log.</param>
    /// <exception cref="NotSubscribedException">The group does not subscribe to the queue's topic.</exception>
    public PopPump(MessageQueue queue, QueueEnvironment environment, QueueArrival? arrival, ILogger logger)
    {
        if (arrival is { HasUnstoredReset: true, Progress: { Watermark: var offset } })
        {
            _unstoredReset = offset;
        }

        var options = environment.Options;
        Queue = queue;
        Source = QueueShare.QueueOf(queue);
        _environment = environment;
        _runtime = environment.Runtime;
        _time = _runtime.Time;
        _logger = logger;
        _subscription = environment.Group.FindSubscription(queue.Topic) ?? throw new NotSubscribedException(queue.Topic, options.Group);
        StartedAt = _heardAt = _time.GetTimestamp();
        _isInOrder = environment.Dispatcher.KeepsOrder;
        _retry = new PullRetryPolicy(queue, environment, logger);
        var budgets = environment.Budgets.Of(queue.Topic);
        _holdings = new QueueQuotaUsage(budgets);
        Statistics = environment.Statistics.Open(queue);
        Running = new RunningCalls(_time);
        _keeper = new PopKeeper(Source, environment, Statistics, this, arrival?.DoneAhead, logger);
        Runs = new DispatchBuffer(
            NewWindow(), environment.Group.OpenGate(queue), BatchRule.Of(options, _time, MostUnheard), environment.Dispatcher.IsByPriority)
        {
            MostBytes = environment.MostBytesPerCall,
        };
        Runs.Gate.IsInDoubt = IsInDoubt;
        _flow = new PullFlowController(options, Runs, budgets, _time, limitsSpan: false);
        Ownership = QueueLease.WithoutLock(_stopping.Token, _abandon.Token);
    }

    public MessageQueue Queue { get; }

    /// <summary>The queue at its broker; <see cref="Queue"/> may be a further share of it.</summary>
    public MessageQueue Source { get; }

    public long StartedAt { get; }

    public bool IsPopped => true;

    public bool IsEnding => State.IsStopping;

    public DispatchBuffer Runs { get; }

    public QueueStatistics Statistics { get; }

    public RunningCalls Running { get; }

    public QueueLease Ownership { get; }

    /// <summary>What the queue is in.</summary>
    public PopState State => Volatile.Read(ref _state);

    /// <summary>
    /// Sees every event with the state it meets; null in production. Set before the start. Must be quick and call nobody back.
    /// </summary>
    public Action<PopState, QueueEventKind>? Observe { get; set; }

    /// <summary>What the broker has not heard of.</summary>
    public PopBook Book => _keeper.Book;

    /// <summary>What comes along with the queue to its next owner, when it has stopped; null when that need not know anything.</summary>
    public DoneAhead? DoneAhead => Book.DoneAhead;

    /// <summary>Nothing that only this member knows: the broker brings again what it has not heard of.</summary>
    public bool HoldsUncommitted => false;

    public bool IsCertain => !_environment.Fence.IsClosed;

    public int Abandoned { get; private set; }

    public bool IsStopped => Volatile.Read(ref _stopped) is { IsCompleted: true };

    public bool HasBegun => _hasPopped;

    public bool IsUnheard => !(_waitsForRoom && (Runs.Window.Count > 0 || Runs.InFlight > 0))
        && _time.GetElapsedTime(Volatile.Read(ref _heardAt)) > Options.PopPollTime + LongestOverdue
        && State.Phase is PopPhase.Popping or PopPhase.BackingOff or PopPhase.Placing;

    public CancellationToken Stopping => _stopping.Token;

    public CancellationToken ListenerToken => _abandon.Token;

    public bool IsGroupStopping => _environment.Group.IsStopping;

    public bool DoListenersMove => _environment.Group.DoListenersMove;

    public bool ComesWhenAllIsDone => _isInOrder;

    public long InFlight => _environment.Dispatcher.InFlightOf(this);

    /// <summary>Not known: what others have in work counts as consumed at the broker.</summary>
    public long? Lag => null;

    public long? Unacknowledged => Book.Count;

    public long? UnstoredReset => Volatile.Read(ref _unstoredReset) is >= 0 and var offset ? offset : null;

    public QueueLevel Level => new(Queue, HasBegun, Error, HasFailed, Moment(ref _lastPoppedAt));

    private ConsumerOptions Options => _environment.Options;

    /// <summary>At so many messages it has not heard of the broker is asked for no more; in order it would give none.</summary>
    private int MostUnheard => _isInOrder ? 1 : Options.PullThresholdForQueue;

    private bool HasFailed => State.IsHalted || Runs.Gate.Stopped is not null;

    private string Error => Runs.Gate.Broken?.Message ?? Runs.Gate.Stopped ?? _retry.LastError?.Message ?? string.Empty;

    public void Start()
    {
        if (_environment.Fence.IsClosed)
        {
            Raise(QueueEventKind.FenceClosed);
        }

        _keeper.Start();
        _popping = _runtime.Scheduler.StartLoop($"{Queue} of group {Options.Group}", PopAsync, _time, _logger, _stopping.Token);
    }

    public void Track(Task task) => _tasks.Add(task);

    public void OnProgress()
    {
        Volatile.Write(ref _lastConsumedAt, _time.GetUtcNow().Ticks);
        if (_waitsForRoom)
        {
            // From now on it may be the broker that is waited for.
            Volatile.Write(ref _heardAt, _time.GetTimestamp());
        }

        _flow.OnProgress();
    }

    public void OnReturned() => _flow.OnProgress();

    public void OnFence(bool closed) => Raise(closed ? QueueEventKind.FenceClosed : QueueEventKind.FenceOpened);

    public void OnFlow()
    {
        NotePause();
        _flow.OnProgress();
    }

    public void Fail(Exception exception)
    {
        _retry.LastError = exception;

        // The gate may be broken or stopped with it.
        OnFlow();
    }

    public void Recover()
    {
        if (Runs.Gate.Stopped is not null)
        {
            Runs.Gate.EndStop();
            OnStopEnded();
        }

        Raise(QueueEventKind.Recovered);
    }

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
        _environment.Dispatcher.Signal(this);
    }

    /// <summary>A pop is short: the next one goes by the present subscription.</summary>
    public void RestartPull()
    {
    }

    /// <summary>A pop is short: the next one goes to where the queue is by then.</summary>
    public void OnRoutes()
    {
    }

    /// <summary>
    /// The queue goes on at an offset: the broker is told, and what no listener has got yet of the queue itself is done. What one
    /// works on ends as any; a pop that is answered just now may bring some messages of before, and what it brings comes again.
    /// </summary>
    /// <exception cref="RocketMQException">The broker did not take it; the queue stays where it is.</exception>
    public Task SeekAsync(long offset) => _runtime.Scheduler.Run(() => InTurnAsync(async () =>
    {
        // A pop that is answered before this may have begun at the new place.
        var before = Book.Deliveries;
        await _environment.Brokers.ResetOffsetAsync(_environment.MasterOf(Queue), Options.Group, Source, offset, _stopping.Token);
        Volatile.Write(ref _unstoredReset, -1);
        Book.Moved(before);
        GiveUpWaiting(skips: true);
        Log.Reset(_logger, Options.Group, Queue.Topic, Queue.BrokerName, Queue.QueueId, offset);
    }));

    public void Abandon()
    {
        GiveUpAsking();
        _runtime.Scheduler.Cancel(_abandon);
    }

    /// <summary>As a broker would delay what it brings again, or as the listener has said.</summary>
    public bool TryGiveBack(MessageExt message, in FailedMessage failure)
    {
        var level = failure.DelayLevel > 0 ? failure.DelayLevel : DelayLevels.OfFirstFailure + message.ReconsumeTimes;
        Book.GiveBack(message, failure.RetryAfter ?? DelayLevels.TimeOf(level));
        return true;
    }

    public QueueSnapshot Snapshot() => _environment.Dispatcher.Describe(this, new QueueSnapshot
    {
        Queue = Queue,
        Owner = _environment.ClientId,
        CommittedOffset = -1,
        Watermark = -1,
        NextPullOffset = -1,
        MaxOffset = -1,
        CachedMessages = Runs.Window.Count,
        CachedBytes = Runs.Window.Bytes,
        InFlight = Runs.InFlight,
        CachedMinOffset = -1,
        CachedMaxOffset = -1,
        LastPulledAt = Moment(ref _lastPoppedAt),
        LastConsumedAt = Moment(ref _lastConsumedAt),
        LastError = Error,
        IsPaused = Runs.Gate.IsPaused,
        HasFailed = HasFailed,
        Totals = Statistics.Totals(),
        Slowest = Running.Slowest(),
        Popped = new PoppedSnapshot(Book.Count, Book.Late, Book.Lost, _isInOrder),
    });

    private static DateTimeOffset? Moment(ref long ticks)
        => Volatile.Read(ref ticks) is > 0 and var known ? new DateTimeOffset(known, TimeSpan.Zero) : null;

    private ProcessQueue NewWindow() => new(_keeper.Book, _holdings);

    /// <summary>In order, what a paused queue holds nobody else could get, and it would only count as tried once more.</summary>
    bool IPopHolder.MayHandOut => _isInOrder ? !State.IsFenceClosed : State.MayHandOut;

    void IPopHolder.DropWaiting() => GiveUpWaiting();

    void IPopHolder.Told() => _flow.OnProgress();

    /// <summary>Gives up what no listener has. In order a dispatcher has it in its hands: the queue begins anew without it.</summary>
    private void GiveUpWaiting(bool skips = false)
    {
        if (!_isInOrder)
        {
            Runs.DropWaiting(skips);
            return;
        }

        lock (_windows)
        {
            Runs.Restart(NewWindow(), skips);
        }
    }

    /// <summary>Asked within the window's lock; the state hears of it a moment later.</summary>
    private bool IsInDoubt()
    {
        if (!_environment.Fence.IsClosed)
        {
            return false;
        }

        if (!State.IsFenceClosed)
        {
            _runtime.Scheduler.Post(static pump => ((PopPump)pump!).OnFence(closed: true), this);
        }

        return true;
    }

    /// <summary>Tells the state what has happened, and does what follows at once.</summary>
    private void Raise(QueueEventKind happened)
    {
        bool opens;
        lock (_gate)
        {
            var before = _state;
            Observe?.Invoke(before, happened);
            var next = before.Next(happened);
            opens = !before.MayHandOut && next.MayHandOut;
            Volatile.Write(ref _state, next);
            Runs.Gate.Fence(next.IsFenceClosed);
        }

        _flow.OnProgress();
        if (opens)
        {
            _environment.Dispatcher.Signal(this);
        }
    }

    private PopRequest RequestOf(Subscription subscription) => new(Options.Group, Source)
    {
        MaxMessages = Math.Min(_flow.MessagesPerPull, MostPerPop),
        InvisibleTime = Options.PopInvisibleTime,
        PollTime = Options.PopPollTime,
        Ordered = _isInOrder,
        AttemptId = _attempt,
        InitMode = PopInitMode.Min,
        Expression = subscription.Data.SubString,
        ExpressionType = subscription.Data.ExpressionType ?? Protocol.SubscriptionData.TagType,
    };
}
