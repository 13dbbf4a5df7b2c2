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
internal sealed partial class PopPump : IGroupQueue, IPopHolder
{
    private readonly CancellationTokenSource _stopping = new();
    private readonly CancellationTokenSource _abandon = new();
    private readonly CancellationTokenSource _asking = new();
    private readonly Lock _gate = new();
    private readonly QueueEnvironment _environment;
    private readonly EngineRuntime _runtime;
    private readonly PullFlowController _flow;
    private readonly QueueQuotaUsage _holdings;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly TaskTracker _tasks = new();
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

    /// <param name="queue">The queue.</param>
    /// <param name="environment">What it shares with the other queues of its group.</param>
    /// <param name="logger">The log.</param>
    /// <exception cref="NotSubscribedException">The group does not subscribe to the queue's topic.</exception>
    public PopPump(MessageQueue queue, QueueEnvironment environment, ILogger logger)
    {
        var options = environment.Options;
        Queue = queue;
        Source = QueueShare.QueueOf(queue);
        _environment = environment;
        _runtime = environment.Runtime;
        _time = _runtime.Time;
        _logger = logger;
        _subscription = environment.Group.FindSubscription(queue.Topic) ?? throw new NotSubscribedException(queue.Topic, options.Group);
        StartedAt = _heardAt = _time.GetTimestamp();
        _retry = new PullRetryPolicy(queue, environment, logger);
        var budgets = environment.Budgets.Of(queue.Topic);
        _holdings = new QueueQuotaUsage(budgets);
        Statistics = environment.Statistics.Open(queue);
        Running = new RunningCalls(_time);
        _keeper = new PopKeeper(Source, environment, Statistics, this, logger);
        Runs = new DispatchBuffer(NewWindow(), environment.Group.OpenGate(queue), BatchRule.Of(options, _time))
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

    /// <summary>Nothing that only this member knows: the broker brings again what it has not heard of.</summary>
    public bool HoldsUncommitted => false;

    public int Abandoned { get; private set; }

    public bool IsStopped => Volatile.Read(ref _stopped) is { IsCompleted: true };

    public bool HasBegun => _hasPopped;

    public bool IsUnheard => _time.GetElapsedTime(Volatile.Read(ref _heardAt)) > Options.PopPollTime + LongestOverdue
        && State.Phase is PopPhase.Popping or PopPhase.BackingOff or PopPhase.Placing;

    public CancellationToken Stopping => _stopping.Token;

    public CancellationToken ListenerToken => _abandon.Token;

    public bool IsGroupStopping => _environment.Group.IsStopping;

    public bool DoListenersMove => _environment.Group.DoListenersMove;

    public long InFlight => _environment.Dispatcher.InFlightOf(this);

    /// <summary>Not known: what others have in work counts as consumed at the broker.</summary>
    public long? Lag => null;

    public long? Unacknowledged => Book.Count;

    public QueueLevel Level => new(Queue, HasBegun, Error, HasFailed, Moment(ref _lastPoppedAt));

    private ConsumerOptions Options => _environment.Options;

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
        _flow.OnProgress();
    }

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
            OnFlow();
            _environment.Dispatcher.Signal(this);
        }

        Raise(QueueEventKind.Recovered);
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
    /// works on ends as any; a pop that is answered just now may bring some messages of before.
    /// </summary>
    /// <exception cref="RocketMQException">The broker did not take it; the queue stays where it is.</exception>
    public Task SeekAsync(long offset) => _runtime.Scheduler.Run(async () =>
    {
        await _environment.Brokers.ResetOffsetAsync(_environment.MasterOf(Queue), Options.Group, Source, offset, _stopping.Token);
        Runs.DropWaiting(skips: true);
        Log.Reset(_logger, Options.Group, Queue.Topic, Queue.BrokerName, Queue.QueueId, offset);
    });

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
        Popped = new PoppedSnapshot(Book.Count, Book.Late, Book.Lost),
    });

    private static DateTimeOffset? Moment(ref long ticks)
        => Volatile.Read(ref ticks) is > 0 and var known ? new DateTimeOffset(known, TimeSpan.Zero) : null;

    private ProcessQueue NewWindow() => new(_keeper.Book, _holdings);

    bool IPopHolder.MayHandOut => State.MayHandOut;

    void IPopHolder.DropWaiting() => Runs.DropWaiting();

    void IPopHolder.Told() => _flow.OnProgress();

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

    private static PopRequest RequestOf(MessageQueue queue, ConsumerOptions options, Subscription subscription, int most)
        => new(options.Group, queue)
        {
            MaxMessages = Math.Min(most, MostPerPop),
            InvisibleTime = options.PopInvisibleTime,
            PollTime = options.PopPollTime,
            InitMode = PopInitMode.Min,
            Expression = subscription.Data.SubString,
            ExpressionType = subscription.Data.ExpressionType ?? Protocol.SubscriptionData.TagType,
        };
}
