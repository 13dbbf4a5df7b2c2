using Microsoft.Extensions.Logging;
using Orleans.Runtime;
using OrleansRocketMQ.Checkpoints;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Connections;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Flow;
using OrleansRocketMQ.Locks;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Statistics;

namespace OrleansRocketMQ.Queues;

/// <summary>
/// Keeps one queue flowing: finds where to start, pulls by long polling while there is room, hands what comes to the
/// dispatcher, and knows what may be committed. Belongs to the queue's grain but runs beside its turns, so the grain
/// answers while a pull waits. Mirrors the pull half of <c>DefaultMQPushConsumerImpl</c>.
/// </summary>
internal sealed partial class QueuePump
{
    // After answers that neither bring nor wait for anything.
    private static readonly TimeSpan FirstRest = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestRest = TimeSpan.FromSeconds(1);

    private readonly CancellationTokenSource _stopping = new();
    private readonly CancellationTokenSource _abandon = new();
    private readonly GroupConsumer _consumer;
    private readonly QueueGauge _gauge;
    private readonly Holdings _holdings;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly List<MessageExt> _pulled = new(64);
    private readonly TaskTracker _tasks = new();
    private readonly QueueCommits _commits;
    private readonly QueueRecovery _recovery;
    private readonly QueueLock? _lock;
    private readonly QueueCheckpoint? _checkpoint;
    private readonly QueueBeginning _beginning;
    private readonly PulledRecords _records;
    private readonly BrokenRecord _broken;
    private readonly QueueEnd _end;
    private QueueTenure _tenure;
    private Subscription _subscription;
    private CancellationTokenSource? _pull;
    private Task _pumping = Task.CompletedTask;
    private long _maxOffset = -1;
    private long _nextOffset = -1;
    private long _brokerId;
    private int _rests;
    private long _lastPulledAt;
    private long _lastConsumedAt;
    private Task? _stopped;

    /// <param name="queue">The queue.</param>
    /// <param name="consumer">Its group.</param>
    /// <param name="owner">The activation of its grain.</param>
    /// <param name="handOver">What comes along from the silo it was on; null when it just starts.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">The log.</param>
    public QueuePump(MessageQueue queue, GroupConsumer consumer, IGrainContext owner, QueueHandOver? handOver, TimeProvider time, ILogger logger)
    {
        Queue = queue;
        StartedAt = _heardAt = time.GetTimestamp();
        Owner = owner;
        _consumer = consumer;
        _subscription = consumer.Subscriptions.Find(queue.Topic) ?? throw new NotSubscribedException(queue.Topic, consumer.Group);
        _time = time;
        _logger = logger;
        _commits = new QueueCommits(queue, consumer.Offsets);
        _checkpoint = consumer.Checkpoints?.Open(queue);
        _checkpoint?.MayExist = handOver is { HasCheckpoint: true };
        _beginning = new QueueBeginning(queue, consumer, handOver?.Progress, _checkpoint);
        _records = new PulledRecords(queue, consumer, logger);
        _broken = new BrokenRecord(queue, consumer, time, logger);
        _end = new QueueEnd(queue, consumer);
        _recovery = new QueueRecovery(queue, consumer, time, logger, _stopping.Token);
        var budgets = consumer.Budgets.Of(queue.Topic);
        _holdings = new Holdings(budgets);
        _isElsewhereWanted = () => IsResetWanted || Runs!.Gate.IsFenced;
        Statistics = consumer.Statistics.Open(queue);
        Running = new RunningCalls(time);
        Runs = new QueueRuns(new ProcessQueue(0), consumer.Flow.Open(queue)) { MostBytes = consumer.MostBytesPerCall };
        _lock = consumer.Locks?.Add(queue);
        // In order, nothing runs ahead of an unfinished message, except of one that is parked.
        _gauge = new QueueGauge(consumer.Options, Runs, budgets, limitsSpan: _lock is null || consumer.Options.PoisonHandling == PoisonHandling.Park);
        _tenure = _lock is null ? QueueTenure.WithoutLock(_stopping.Token, _abandon.Token) : QueueTenure.BeforeLock(_stopping.Token, _abandon.Token);
    }

    public MessageQueue Queue { get; }

    /// <summary>The activation whose queue this is.</summary>
    public IGrainContext Owner { get; }

    /// <summary>When it was made, by the clock's time stamp.</summary>
    public long StartedAt { get; }

    public QueueRuns Runs { get; }

    public QueueStatistics Statistics { get; }

    /// <summary>What listeners work on.</summary>
    public RunningCalls Running { get; }

    /// <summary>How far the queue is; null before that is known.</summary>
    public QueueProgress? Progress => _nextOffset < 0 ? _beginning.Before : Runs.Window.Snapshot();

    /// <summary>Whether something may be written down of the queue that must go when the queue leaves the cluster.</summary>
    public bool HasCheckpoint => _checkpoint is { MayExist: true };

    /// <summary>Whether something is consumed, or being consumed, that the broker does not know of yet.</summary>
    public bool HoldsUncommitted => _nextOffset >= 0 && (Runs.InFlight > 0 || Runs.Window.Watermark > _commits.Committed);

    /// <summary>Messages listeners still had when the queue's time to stop was over.</summary>
    public int Abandoned { get; private set; }

    /// <summary>Whether the queue has ended here.</summary>
    public bool IsStopped => Volatile.Read(ref _stopped) is { IsCompleted: true };

    /// <summary>Fires when the queue begins to stop.</summary>
    public CancellationToken Stopping => _stopping.Token;

    /// <summary>The time the queue may be worked on, now; not valid while the queue waits for its lock.</summary>
    public QueueTenure Tenure => Volatile.Read(ref _tenure);

    /// <summary>Whether the whole group stops on this silo, not only this queue.</summary>
    public bool IsGroupStopping => _consumer.IsStopping;

    /// <summary>Whether it must be asked where listeners are before they are given messages.</summary>
    public bool DoListenersMove => _consumer.DoListenersMove;

    /// <summary>What listeners get: fires when their time to finish is over, or the queue's lock is lost.</summary>
    public CancellationToken ListenerToken => Tenure.Listening;

    private ConsumerOptions Options => _consumer.Options;

    public void Start() => _pumping = Telemetry.Detached.Run(PumpAsync);

    /// <summary>Lets the queue's owner wait for a task that must not outlive it.</summary>
    public void Track(Task task) => _tasks.Add(task);

    public void OnProgress()
    {
        Volatile.Write(ref _lastConsumedAt, _time.GetUtcNow().Ticks);
        _gauge.OnProgress();
    }

    /// <summary>It has come into doubt, or is no more in doubt, that the queue is this silo's.</summary>
    public void OnFence() => _gauge.OnProgress();

    /// <summary>Gives up a pull that waits at the broker, and pulls by the present subscription.</summary>
    public void PullAnew()
    {
        try
        {
            Volatile.Read(ref _pull)?.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // It has ended; the next one is by the present subscription anyway.
        }
    }

    public void Fail(Exception exception) => _recovery.LastError = exception;

    /// <summary>Lets a queue go on that stopped because of failures; see <see cref="ConsumerOptions.AutoRecovery"/>.</summary>
    public void Recover() => _recovery.GoOn();

    /// <summary>
    /// Stops pulling, lets listeners finish within <paramref name="budget"/>, tells the broker how far the queue is.
    /// Safe to call more than once.
    /// </summary>
    public Task StopAsync(TimeSpan budget)
    {
        lock (_tasks)
        {
            return _stopped ??= StopOnceAsync(budget);
        }
    }

    /// <summary>Waits no longer for listeners: their time to finish is over, however much of it was promised.</summary>
    public void Abandon() => _ = _abandon.CancelAsync();

    /// <summary>Tells the broker how far the queue is.</summary>
    /// <exception cref="RocketMQException">The broker did not take it; it is told again next time.</exception>
    public Task CommitAsync() => _commits.CommitAsync(Committable);

    /// <summary>Writes down what is done beyond the last commit, if there is news.</summary>
    /// <exception cref="OffsetException">The storage did not take it; it is tried again next time.</exception>
    public Task WriteCheckpointAsync() => _checkpoint?.WriteAsync(
        () => !_isMoving && Committable() >= 0 && _commits.Committed is >= 0 and var committed ? (Runs.Window.Snapshot(), committed) : null) ?? Task.CompletedTask;

    /// <summary>The queue leaves the cluster: what was written down of it must not hold for whoever begins it anew.</summary>
    public Task ClearCheckpointAsync() => _checkpoint?.ClearAsync() ?? Task.CompletedTask;

    public QueueStatus Describe() => _consumer.Dispatcher.Describe(this, new QueueStatus
    {
        Queue = Queue,
        Owner = _consumer.Client.ClientId,
        CommittedOffset = _commits.Committed,
        Watermark = _nextOffset < 0 ? -1 : Runs.Window.Watermark,
        NextPullOffset = _nextOffset,
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
        HasFailed = _recovery.IsHalted,
        Figures = Statistics.Totals().ToFigures(),
        Slowest = Running.Slowest(),
        Lock = _lock is null ? QueueLockState.None : Tenure.IsValid ? QueueLockState.Held : QueueLockState.Awaited,
    });

    // Nothing is known before the first pull, and nothing counts that was done without the lock, or that may have been done
    // while the queue was another's.
    private long Committable() => _nextOffset < 0 || !Tenure.IsValid || Runs.Gate.IsFenced || _consumer.Fence.IsClosed ? -1 : Runs.Window.Watermark;

    private async Task PumpAsync()
    {
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                if (!_tenure.IsValid)
                {
                    await TakeLockAsync().ConfigureAwait(false);
                }

                if (_nextOffset < 0)
                {
                    await BeginAsync().ConfigureAwait(false);
                }

                while (Runs.Gate.IsShut)
                {
                    await PassFenceAsync().ConfigureAwait(false);
                    await ResetIfWantedAsync().ConfigureAwait(false);
                    await WaitPausedAsync().ConfigureAwait(false);
                }

                await ResetIfWantedAsync().ConfigureAwait(false);
                if (!await _gauge.WaitForRoomAsync(_isElsewhereWanted, _tenure.Pulling).ConfigureAwait(false))
                {
                    continue;
                }

                await PullOnceAsync().ConfigureAwait(false);
                _recovery.Succeeded();
                if (Options.PullInterval > TimeSpan.Zero)
                {
                    await Task.Delay(Options.PullInterval, _time, _stopping.Token).ConfigureAwait(false);
                }
            }
            catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
            {
                return;
            }
            catch (OperationCanceledException) when (!_tenure.IsValid)
            {
                // The lock is lost; the next round waits for it.
            }
            catch (Exception exception)
            {
                _pulled.Clear();
                _brokerId = BrokerData.MasterId;
                _consumer.Client.Routes.Doubt(Queue.Topic, exception);
                _askFailed = true;
                await _recovery.AfterAsync(exception).ConfigureAwait(false);
            }
        }
    }

    /// <summary>
    /// Waits for the queue's lock. Whatever was pulled without it, or under an earlier one, is forgotten: another member
    /// may have gone on, so the offset is read from the broker again.
    /// </summary>
    private async Task TakeLockAsync()
    {
        await _commits.ForgetAsync(
            () =>
            {
                _nextOffset = -1;
                Runs.Restart(new ProcessQueue(0, _holdings));
            },
            _stopping.Token).ConfigureAwait(false);
        _consumer.Dispatcher.Signal(this);
        if (_tenure.Number > 0)
        {
            Statistics.Metrics?.LockLost();
        }

        var hold = await _lock!.WaitAsync(_stopping.Token).ConfigureAwait(false);
        Volatile.Write(ref _tenure, _tenure.Next(hold, _stopping.Token, _abandon.Token));
    }

    /// <summary>No pull tells how far the broker is; so that the lag is known all the same, it is asked from time to time.</summary>
    private async Task WaitPausedAsync()
    {
        Hear(await _consumer.Client.Brokers.GetMaxOffsetAsync(MasterAddress(), Queue, _stopping.Token).ConfigureAwait(false));
        try
        {
            await _gauge.WaitUntilResumedAsync(_isElsewhereWanted, _stopping.Token).WaitAsync(Options.PersistInterval, _time, _stopping.Token).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // Still paused.
        }
    }

    private async Task BeginAsync()
    {
        var window = await _beginning.FirstWindowAsync(MasterAddress(), _tenure, _holdings).ConfigureAwait(false);
        var offset = window.Watermark;
        Runs.Restart(window);
        _nextOffset = offset;
        Log.Begins(_logger, Options.Group, Queue.Topic, Queue.BrokerName, Queue.QueueId, offset);
    }

    private async Task PullOnceAsync()
    {
        try
        {
            await PullAsync().ConfigureAwait(false);
        }
        catch (RocketMQException exception)
        {
            throw new MessagePullException(Queue, exception.Message, exception);
        }
    }

    private async Task PullAsync()
    {
        var subscription = PresentSubscription();
        var broker = _consumer.Client.Routes.FindAddress(Queue.BrokerName, _brokerId) ?? throw NoBroker();
        var request = new PullRequest(Options.Group, Queue, _nextOffset)
        {
            MaxMessages = _gauge.MessagesPerPull,
            MaxBytes = _gauge.MaxBytesPerPull,
            CommitOffset = _commits.Carry(Committable(), broker.IsSlave),
            ToSlave = broker.IsSlave,
            SuspendTimeout = Options.PullSuspendTimeout,
            // A group that may not broadcast is refused by what its heartbeats say only.
            Expression = _consumer.IsBroadcasting ? null : subscription.SentWithPulls,
            SubVersion = subscription.Data.SubVersion,
            ExpressionType = subscription.Data.ExpressionType ?? SubscriptionData.TagType,
        };
        NotePull();
        var asked = _time.GetTimestamp();
        if (await AskAsync(broker, request, subscription).ConfigureAwait(false) is not { } result)
        {
            return;
        }

        _commits.CarriedOver();
        Volatile.Write(ref _lastPulledAt, _time.GetUtcNow().Ticks);
        _brokerId = result.SuggestedBrokerId;
        Hear(result.MaxOffset);
        if (result.Status == PullStatus.OffsetIllegal)
        {
            await MoveToAsync(await _end.CorrectAsync(result, request.Offset, MasterAddress(), _stopping.Token).ConfigureAwait(false)).ConfigureAwait(false);

            // Once it is a reset; a broker that goes on saying so must not be asked without a pause.
            await RestAsync(broker, isFruitless: result.NextBeginOffset == request.Offset).ConfigureAwait(false);
            return;
        }

        // An answer without messages moves on too: what the filter left out needs no consuming.
        var next = result.Status == PullStatus.Found ? await DecodeAsync(result).ConfigureAwait(false) : result.NextBeginOffset;
        _nextOffset = next;
        _end.Note(_pulled, _lastPulledAt);
        if (Runs.Window.Add(_pulled, next) > 0)
        {
            _consumer.Dispatcher.Signal(this);
        }

        if (result.Status == PullStatus.Found)
        {
            // As in Java: how long a pull waited for nothing says nothing.
            var took = _time.GetElapsedTime(asked);
            Statistics.Recent.Pulled(_pulled.Count, took);
            Statistics.Metrics?.Pulled(took);
        }

        _pulled.Clear();
        await RestAsync(broker, isFruitless: result.Status == PullStatus.NoMatchedMessage && next <= request.Offset).ConfigureAwait(false);
    }

    private async ValueTask<long> DecodeAsync(PullResult result)
    {
        try
        {
            return _records.Decode(result, PresentSubscription(), _pulled);
        }
        catch (MessageFormatException broken)
        {
            if (await _broken.PassAsync(_nextOffset, broken, _stopping.Token).ConfigureAwait(false) is not { } next)
            {
                throw;
            }

            return next;
        }
    }

    /// <summary>
    /// A slave keeps no pull waiting: it sends the consumer to its master, and answers at once. While that is away there is
    /// only the slave to ask again, and it must not be asked without a pause.
    /// </summary>
    private async Task RestAsync(BrokerAddress broker, bool isFruitless)
    {
        _rests = isFruitless && _consumer.Client.Routes.FindAddress(Queue.BrokerName, _brokerId) == broker ? _rests + 1 : 0;
        if (_rests > 0)
        {
            await Task.Delay(Backoff.Next(_rests, FirstRest, LongestRest), _time, _tenure.Pulling).ConfigureAwait(false);
        }
    }

    /// <summary>Pulls; null when the subscription has changed meanwhile, or the queue is to go on elsewhere.</summary>
    private async Task<PullResult?> AskAsync(BrokerAddress broker, PullRequest request, Subscription subscription)
    {
        using var pull = CancellationTokenSource.CreateLinkedTokenSource(_tenure.Pulling);
        Volatile.Write(ref _pull, pull);
        if (!ReferenceEquals(PresentSubscription(), subscription) || IsResetWanted)
        {
            return null;
        }

        Volatile.Write(ref _askedAt, _time.GetTimestamp());
        try
        {
            return await _consumer.Client.Brokers.PullAsync(broker.Address, request, Options.PullSuspendTimeout + TimeSpan.FromSeconds(15), pull.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (pull.IsCancellationRequested && !_tenure.Pulling.IsCancellationRequested)
        {
            return null;
        }
        finally
        {
            Volatile.Write(ref _askedAt, 0);
        }
    }

    private static DateTimeOffset? Moment(ref long ticks) => Volatile.Read(ref ticks) is > 0 and var known ? new DateTimeOffset(known, TimeSpan.Zero) : null;

    // A topic given up keeps its last one until the queue stops.
    private Subscription PresentSubscription() => _subscription = _consumer.Subscriptions.Find(Queue.Topic) ?? _subscription;

    private async Task StopOnceAsync(TimeSpan budget)
    {
        // Closed before anybody can see the stop: from then on no listener gets another message.
        Runs.Close();
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _pumping.ConfigureAwait(false);
        DropWish();
        await _tasks.WaitAsync().ConfigureAwait(false);
        _abandon.CancelAfter(budget);
        if (!await _gauge.WaitUntilIdleAsync(_abandon.Token).ConfigureAwait(false))
        {
            Abandoned = Runs.InFlight;
            Log.Abandoned(_logger, Options.Group, Queue.Topic, Queue.BrokerName, Queue.QueueId, Runs.InFlight, budget);
        }

        NoteIdle();
        try
        {
            await _commits.LeaveAsync(Committable).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is RocketMQException or ObjectDisposedException)
        {
            Log.LastCommitFailed(_logger, Options.Group, Queue.Topic, Queue.BrokerName, Queue.QueueId, exception.Message);
        }
        finally
        {
            LetGo();
        }

        if (_lock is not null)
        {
            // Last of all: whoever gets the lock begins at what has just been committed.
            await _consumer.Locks!.ReleaseAsync(_lock).ConfigureAwait(false);
        }
    }

    /// <summary>The queue is no more this silo's: what it held counts no more, and nobody decides about it any more.</summary>
    private void LetGo()
    {
        _consumer.Offsets.Remove(Queue);
        _holdings.Close();
        _consumer.Flow.Close(Queue);
        _consumer.Statistics.Close(Queue);
    }

    private string MasterAddress() => _consumer.Client.Routes.FindAddress(Queue.BrokerName)?.Address ?? throw NoBroker();

    private BrokerNotAvailableException NoBroker() => new($"No address of broker '{Queue.BrokerName}' is known for queue {Queue}.");

    private static partial class Log
    {
        [LoggerMessage(131, LogLevel.Information, "Group {Group} begins {Topic} {Broker}/{QueueId} at offset {Offset}")]
        public static partial void Begins(ILogger logger, string group, string topic, string broker, int queueId, long offset);

        [LoggerMessage(132, LogLevel.Warning, "Group {Group} moves {Topic} {Broker}/{QueueId} from offset {From} to {To} as the broker demands")]
        public static partial void OffsetMoved(ILogger logger, string group, string topic, string broker, int queueId, long from, long to);

        [LoggerMessage(234, LogLevel.Warning, "Group {Group}: another member has taken {Topic} {Broker}/{QueueId} from {Watermark} to {Stored} meanwhile; it goes on there")]
        public static partial void OvertakenBehindFence(ILogger logger, string group, string topic, string broker, int queueId, long watermark, long stored);
        [LoggerMessage(235, LogLevel.Information, "Group {Group} moves {Topic} {Broker}/{QueueId} from offset {From} to {To} because somebody asked for it")]
        public static partial void Reset(ILogger logger, string group, string topic, string broker, int queueId, long from, long to);

        [LoggerMessage(134, LogLevel.Warning, "Group {Group} stops {Topic} {Broker}/{QueueId} with {Count} messages still in work after {Budget}; they will come again")]
        public static partial void Abandoned(ILogger logger, string group, string topic, string broker, int queueId, int count, TimeSpan budget);

        [LoggerMessage(135, LogLevel.Warning, "Group {Group} could not commit {Topic} {Broker}/{QueueId} at its stop; what is not committed will come again: {Reason}")]
        public static partial void LastCommitFailed(ILogger logger, string group, string topic, string broker, int queueId, string reason);
    }
}
