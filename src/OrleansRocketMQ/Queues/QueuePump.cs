using Microsoft.Extensions.Logging;
using Orleans.Runtime;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Connections;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Queues;

/// <summary>
/// Keeps one queue flowing: finds where to start, pulls by long polling while there is room, hands what comes to the
/// dispatcher, and knows what may be committed. Belongs to the queue's grain but runs beside its turns, so the grain
/// answers while a pull waits. Mirrors the pull half of <c>DefaultMQPushConsumerImpl</c>.
/// </summary>
internal sealed partial class QueuePump
{
    private static readonly TimeSpan BrokerBusyWait = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan MostRetryWait = TimeSpan.FromSeconds(3);

    private readonly CancellationTokenSource _stopping = new();
    private readonly CancellationTokenSource _abandon = new();
    private readonly GroupConsumer _consumer;
    private readonly Subscription _subscription;
    private readonly QueueGauge _gauge;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly List<MessageExt> _pulled = new(64);
    private readonly TaskTracker _tasks = new();
    private readonly SemaphoreSlim _commitTurn = new(1, 1);
    private readonly QueueProgress? _before;
    private Task _pumping = Task.CompletedTask;
    private long _committed = -1;
    private long _maxOffset = -1;
    private long _nextOffset = -1;
    private long _brokerId;
    private Exception? _lastError;
    private Task? _stopped;
    private bool _left;
    private CancellationTokenSource _interrupt;
    private long _resetTo = -1;

    /// <param name="queue">The queue.</param>
    /// <param name="consumer">Its group.</param>
    /// <param name="owner">The activation of its grain.</param>
    /// <param name="before">How far the queue was on the silo it comes from; null when it is not known.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">The log.</param>
    public QueuePump(MessageQueue queue, GroupConsumer consumer, IGrainContext owner, QueueProgress? before, TimeProvider time, ILogger logger)
    {
        Queue = queue;
        StartedAt = time.GetTimestamp();
        _before = before;
        Owner = owner;
        _consumer = consumer;
        _subscription = consumer.Subscriptions.Of(queue.Topic);
        _time = time;
        _logger = logger;
        Runs = new QueueRuns(new ProcessQueue(0));
        _gauge = new QueueGauge(consumer.Options, Runs);
        _interrupt = CancellationTokenSource.CreateLinkedTokenSource(_stopping.Token);
        Activity = new QueueActivity(time);
    }

    public MessageQueue Queue { get; }

    /// <summary>The activation whose queue this is.</summary>
    public IGrainContext Owner { get; }

    /// <summary>When it was made, by the clock's time stamp.</summary>
    public long StartedAt { get; }

    public QueueRuns Runs { get; }

    /// <summary>What it did of late.</summary>
    public QueueActivity Activity { get; }

    /// <summary>How far the queue is; null before that is known.</summary>
    public QueueProgress? Progress => _nextOffset < 0 ? _before : Runs.Window.Snapshot();

    /// <summary>Whether something is consumed, or being consumed, that the broker does not know of yet.</summary>
    public bool HoldsUncommitted => _nextOffset >= 0 && (Runs.InFlight > 0 || Runs.Window.Watermark > Volatile.Read(ref _committed));

    /// <summary>Fires when the queue begins to stop.</summary>
    public CancellationToken Stopping => _stopping.Token;

    /// <summary>What listeners get: fires when their time to finish is over.</summary>
    public CancellationToken ListenerToken => _abandon.Token;

    private ConsumerOptions Options => _consumer.Options;

    public void Start() => _pumping = Task.Run(PumpAsync);

    /// <summary>Lets the queue's owner wait for a task that must not outlive it.</summary>
    public void Track(Task task) => _tasks.Add(task);

    public void OnProgress() => _gauge.OnProgress();

    public void Fail(Exception exception) => _lastError = exception;

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

    /// <summary>
    /// The queue goes on at the given offset: its pull is broken off, what no listener has got yet is dropped, what one
    /// works on ends first. Returns at once.
    /// </summary>
    public void ResetTo(long offset)
    {
        Volatile.Write(ref _resetTo, offset);
        Volatile.Read(ref _interrupt).Cancel();
    }

    /// <summary>Tells the broker how far the queue is.</summary>
    /// <exception cref="RocketMQException">The broker did not take it; it is told again next time.</exception>
    public Task CommitAsync() => InTurnAsync(() => CommitNowAsync(evenIfKnown: false), CancellationToken.None);

    public QueueStatus Describe() => new()
    {
        Queue = Queue,
        Owner = _consumer.Client.ClientId,
        CommittedOffset = Volatile.Read(ref _committed),
        Watermark = _nextOffset < 0 ? -1 : Runs.Window.Watermark,
        NextPullOffset = _nextOffset,
        MaxOffset = _maxOffset,
        CachedMessages = Runs.Window.Count,
        CachedBytes = Runs.Window.Bytes,
        InFlight = Runs.InFlight,
        LastError = _lastError?.Message ?? string.Empty,
    };

    // At the stop the broker is told even what it should know: what a pull carried may have been overtaken.
    private async Task CommitNowAsync(bool evenIfKnown)
    {
        var watermark = _nextOffset < 0 ? -1 : Runs.Window.Watermark;
        if (_left || watermark < 0 || (watermark <= Volatile.Read(ref _committed) && !evenIfKnown))
        {
            return;
        }

        // Never given up half-way: a request that was sent may still arrive, after a later one with another offset.
        await _consumer.Client.Brokers.UpdateConsumerOffsetAsync(MasterAddress(), Options.Group, Queue, watermark).ConfigureAwait(false);
        NoteCommitted(watermark);
    }

    /// <summary>Offsets are told one after the other, so that an old one never overtakes a new one, which may be lower.</summary>
    private async Task InTurnAsync(Func<Task> tell, CancellationToken cancellationToken)
    {
        await _commitTurn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await tell().ConfigureAwait(false);
        }
        finally
        {
            _commitTurn.Release();
        }
    }

    private async Task PumpAsync()
    {
        var failures = 0;
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                if (_nextOffset < 0)
                {
                    await BeginAsync().ConfigureAwait(false);
                }

                await ResetIfWantedAsync().ConfigureAwait(false);
                await _gauge.WaitForRoomAsync(_interrupt.Token).ConfigureAwait(false);
                await PullOnceAsync().ConfigureAwait(false);
                failures = 0;
                _lastError = null;
                if (Options.PullInterval > TimeSpan.Zero)
                {
                    await Task.Delay(Options.PullInterval, _time, _stopping.Token).ConfigureAwait(false);
                }
            }
            catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
            {
                return;
            }
            catch (OperationCanceledException) when (_interrupt.IsCancellationRequested)
            {
                // Somebody wants the queue to go on elsewhere; the next round sees to it.
            }
            catch (Exception exception)
            {
                await RecoverAsync(exception, ++failures).ConfigureAwait(false);
            }
        }
    }

    private async Task BeginAsync()
    {
        // What came along is newer than what the broker knows, or as new.
        var window = _before is null
            ? new ProcessQueue(await _consumer.StartOffset.FindAsync(MasterAddress(), Queue, _stopping.Token).ConfigureAwait(false))
            : new ProcessQueue(_before);
        var offset = window.Watermark;
        Runs.Restart(window);
        _nextOffset = offset;
        Log.Begins(_logger, Options.Group, Queue.Topic, Queue.BrokerName, Queue.QueueId, offset);
    }

    private async Task PullOnceAsync()
    {
        var watermark = Runs.Window.Watermark;
        var broker = _consumer.Client.Routes.FindAddress(Queue.BrokerName, _brokerId) ?? throw NoBroker();
        var request = new PullRequest(Options.Group, Queue, _nextOffset)
        {
            MaxMessages = Options.PullBatchSize,
            // A slave keeps no offsets; what is told to it is lost.
            CommitOffset = !broker.IsSlave && watermark > _committed ? watermark : 0,
            ToSlave = broker.IsSlave,
            SuspendTimeout = Options.PullSuspendTimeout,
            SubVersion = _subscription.Data.SubVersion,
            ExpressionType = _subscription.Data.ExpressionType ?? SubscriptionData.TagType,
        };
        var asked = _time.GetTimestamp();
        var result = await _consumer.Client.Brokers.PullAsync(broker.Address, request, Options.PullSuspendTimeout + TimeSpan.FromSeconds(15), _interrupt.Token).ConfigureAwait(false);
        if (request.CommitOffset > 0)
        {
            NoteCommitted(request.CommitOffset);
        }

        _brokerId = result.SuggestedBrokerId;
        _maxOffset = result.MaxOffset;
        if (result.Status == PullStatus.OffsetIllegal)
        {
            await MoveToAsync(result.NextBeginOffset).ConfigureAwait(false);
            return;
        }

        // An answer without messages moves on too: what the filter left out needs no consuming.
        var next = result.Status == PullStatus.Found ? Decode(result) : result.NextBeginOffset;
        _nextOffset = next;
        if (Runs.Window.Add(_pulled, next) > 0)
        {
            _consumer.Dispatcher.Signal(this);
        }

        Activity.Pulled(_pulled.Count, _time.GetElapsedTime(asked));
        _pulled.Clear();
    }

    /// <summary>Takes the messages out of an answer and tells where the next pull begins.</summary>
    /// <exception cref="MessageFormatException">The very first record is broken. It is asked for again: it must not be skipped.</exception>
    private long Decode(PullResult result)
    {
        var next = result.NextBeginOffset;
        try
        {
            result.Decode(_pulled, Queue.BrokerName, _consumer.Client.Options.DecoderOptions);
        }
        catch (MessageFormatException exception) when (_pulled.Count > 0)
        {
            // What stands before a broken record is good; the next pull begins at the broken one.
            next = _pulled[^1].QueueOffset + 1;
            Log.BrokenRecord(_logger, Options.Group, Queue.Topic, Queue.BrokerName, Queue.QueueId, next, exception);
        }

        if (!_subscription.Selector.SelectsAll)
        {
            _pulled.RemoveAll(message => !_subscription.Wants(message));
        }

        if (Queue.Topic == _consumer.Subscriptions.RetryTopic)
        {
            for (var index = 0; index < _pulled.Count; index++)
            {
                _pulled[index] = _pulled[index].GetProperty(MessageProperties.RetryTopic) is { } topic
                    ? _pulled[index].WithTopic(topic)
                    : _pulled[index];
            }
        }

        return next;
    }

    /// <summary>
    /// The broker has no such offset, or was told to reset it, and says where to go on. What is in flight ends first;
    /// then the broker gets the new offset, be it lower, and the queue begins there.
    /// </summary>
    private async Task MoveToAsync(long offset)
    {
        Log.OffsetMoved(_logger, Options.Group, Queue.Topic, Queue.BrokerName, Queue.QueueId, _nextOffset, offset);
        await _gauge.WaitUntilEmptyAsync(_stopping.Token).ConfigureAwait(false);
        await InTurnAsync(
            async () =>
            {
                await _consumer.Client.Brokers.UpdateConsumerOffsetAsync(MasterAddress(), Options.Group, Queue, offset).ConfigureAwait(false);
                Runs.Restart(new ProcessQueue(offset));
                Volatile.Write(ref _committed, offset);
                _nextOffset = offset;
            },
            _stopping.Token).ConfigureAwait(false);
    }

    private async Task ResetIfWantedAsync()
    {
        if (!_interrupt.IsCancellationRequested)
        {
            return;
        }

        // The new source first: a wish that comes from now on breaks off what follows.
        Interlocked.Exchange(ref _interrupt, CancellationTokenSource.CreateLinkedTokenSource(_stopping.Token)).Dispose();
        if (Interlocked.Exchange(ref _resetTo, -1) is var offset and >= 0)
        {
            Runs.DropWaiting();
            try
            {
                await MoveToAsync(offset).ConfigureAwait(false);
            }
            catch
            {
                // The broker did not take it; the wish stays, unless there is a newer one.
                if (Interlocked.CompareExchange(ref _resetTo, offset, -1) == -1)
                {
                    await _interrupt.CancelAsync().ConfigureAwait(false);
                }

                throw;
            }
        }
    }

    private async Task RecoverAsync(Exception exception, int failures)
    {
        _pulled.Clear();
        _lastError = exception;
        _brokerId = BrokerData.MasterId;
        var wait = Backoff.Next(failures, Options.RetryInterval, MostRetryWait);
        if (exception is BrokerResponseException { ResponseCode: ResponseCodes.FlowControl or ResponseCodes.SystemBusy })
        {
            wait = BrokerBusyWait;
        }
        else
        {
            Log.PullFailed(_logger, Options.Group, Queue.Topic, Queue.BrokerName, Queue.QueueId, wait, exception.Message);
        }

        try
        {
            if (exception is BrokerResponseException
                {
                    ResponseCode: ResponseCodes.SubscriptionNotExist or ResponseCodes.SubscriptionNotLatest or ResponseCodes.SubscriptionGroupNotExist
                })
            {
                // The broker has forgotten us, or was restarted: it must hear of the subscription before the next pull.
                await _consumer.Client.HeartbeatAsync(_stopping.Token).ConfigureAwait(false);
            }

            await Task.Delay(wait, _time, _stopping.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            Log.StopsWhileFailing(_logger, Options.Group, Queue.Topic, Queue.BrokerName, Queue.QueueId);
        }
        catch (Exception second)
        {
            // Nobody but this loop would ever pull again.
            Log.RecoveryFailed(_logger, Options.Group, Queue.Topic, Queue.BrokerName, Queue.QueueId, second);
            await Task.Delay(BrokerBusyWait, _time, CancellationToken.None).ConfigureAwait(false);
        }
    }

    private async Task StopOnceAsync(TimeSpan budget)
    {
        // Closed before anybody can see the stop: from then on no listener gets another message.
        Runs.Close();
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _pumping.ConfigureAwait(false);
        await _tasks.WaitAsync().ConfigureAwait(false);
        _abandon.CancelAfter(budget);
        if (!await _gauge.WaitUntilIdleAsync(_abandon.Token).ConfigureAwait(false))
        {
            Log.Abandoned(_logger, Options.Group, Queue.Topic, Queue.BrokerName, Queue.QueueId, Runs.InFlight, budget);
        }

        try
        {
            await InTurnAsync(
                async () =>
                {
                    try
                    {
                        await CommitNowAsync(evenIfKnown: true).ConfigureAwait(false);
                    }
                    finally
                    {
                        // From now on the queue may be another member's.
                        _left = true;
                    }
                },
                CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is RocketMQException or ObjectDisposedException)
        {
            Log.LastCommitFailed(_logger, Options.Group, Queue.Topic, Queue.BrokerName, Queue.QueueId, exception.Message);
        }
    }

    private void NoteCommitted(long offset)
    {
        // The pull loop and the periodic commit both report here; the higher one stays.
        long known;
        while ((known = Volatile.Read(ref _committed)) < offset)
        {
            Interlocked.CompareExchange(ref _committed, offset, known);
        }
    }

    private string MasterAddress() => _consumer.Client.Routes.FindAddress(Queue.BrokerName)?.Address ?? throw NoBroker();

    private BrokerNotAvailableException NoBroker() => new($"No address of broker '{Queue.BrokerName}' is known for queue {Queue}.");

    private static partial class Log
    {
        [LoggerMessage(131, LogLevel.Information, "Group {Group} begins {Topic} {Broker}/{QueueId} at offset {Offset}")]
        public static partial void Begins(ILogger logger, string group, string topic, string broker, int queueId, long offset);

        [LoggerMessage(132, LogLevel.Warning, "Group {Group} moves {Topic} {Broker}/{QueueId} from offset {From} to {To} as the broker demands")]
        public static partial void OffsetMoved(ILogger logger, string group, string topic, string broker, int queueId, long from, long to);

        [LoggerMessage(133, LogLevel.Warning, "Group {Group} could not pull {Topic} {Broker}/{QueueId}, next attempt in {Wait}: {Reason}")]
        public static partial void PullFailed(ILogger logger, string group, string topic, string broker, int queueId, TimeSpan wait, string reason);

        [LoggerMessage(134, LogLevel.Warning, "Group {Group} stops {Topic} {Broker}/{QueueId} with {Count} messages still in work after {Budget}; they will come again")]
        public static partial void Abandoned(ILogger logger, string group, string topic, string broker, int queueId, int count, TimeSpan budget);

        [LoggerMessage(135, LogLevel.Warning, "Group {Group} could not commit {Topic} {Broker}/{QueueId} at its stop; what is not committed will come again: {Reason}")]
        public static partial void LastCommitFailed(ILogger logger, string group, string topic, string broker, int queueId, string reason);

        [LoggerMessage(137, LogLevel.Error, "Group {Group} cannot decode the message at {Topic} {Broker}/{QueueId} offset {Offset} or behind it; what came before it is consumed")]
        public static partial void BrokenRecord(ILogger logger, string group, string topic, string broker, int queueId, long offset, Exception exception);

        [LoggerMessage(138, LogLevel.Error, "Group {Group} could not prepare the next attempt to pull {Topic} {Broker}/{QueueId}")]
        public static partial void RecoveryFailed(ILogger logger, string group, string topic, string broker, int queueId, Exception exception);

        [LoggerMessage(136, LogLevel.Debug, "Group {Group} stops {Topic} {Broker}/{QueueId} while it waits for its broker")]
        public static partial void StopsWhileFailing(ILogger logger, string group, string topic, string broker, int queueId);
    }
}
