using System.Runtime.CompilerServices;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Engine.Locks;
using OrleansRocketMQ.Engine.Subscriptions;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Engine.Queue;

/// <summary>Pulls.</summary>
internal sealed partial class QueuePump
{
    // After answers that neither bring nor wait for anything.
    private static readonly TimeSpan FirstBackOff = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestBackOff = TimeSpan.FromSeconds(1);

    // What a broker holds takes far longer before it is answered with nothing.
    private static readonly TimeSpan AtOnce = TimeSpan.FromMilliseconds(100);

    private readonly Func<bool> _isPullOver;
    private CancellationTokenSource? _pull;
    private QueueLease? _pullLease;
    private long _brokerId;
    private volatile string? _master;
    private int _emptyPulls;
    private int _routeChanges;

    /// <summary>Gives up a pull that waits at the broker, and pulls by the present subscription.</summary>
    public void RestartPull()
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

    /// <summary>
    /// Brokers may be elsewhere by now. A pull that waits at the one that had the queue would go on waiting there, and its successor
    /// may never have heard of an offset.
    /// </summary>
    public void OnRoutes()
    {
        Interlocked.Increment(ref _routeChanges);
        // Offsets go to the master, also while a slave is read, and that may be the new master at the address it always had.
        if (_master is { } before && FindMaster() is { } master && master != before)
        {
            _master = master;
            _commits.LookAgain();
        }

        var broker = _environment.Routes.FindAddress(Queue, Volatile.Read(ref _brokerId));
        if (_retry.Asks is { } asked && broker is { } now && now.Address != asked)
        {
            _commits.LookAgain();
            RestartPull();
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask PullNextAsync()
    {
        // It closes by the clock, before anybody has told.
        if (NoteFence() || !await _pullFlow.WaitForRoomAsync(_isPullOver, _ownership.Pulling))
        {
            return;
        }

        try
        {
            await PullAsync();
        }
        catch (RocketMQException exception)
        {
            throw new MessagePullException(Queue, exception.Message, exception);
        }

        _retry.Succeeded();
        if (Options.PullInterval > TimeSpan.Zero)
        {
            await _pullFlow.WaitAsync(_isPullOver, Options.PullInterval, _ownership.Pulling);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask PullAsync()
    {
        var (subscription, routeChanges) = (PresentSubscription(), Volatile.Read(ref _routeChanges));
        var broker = _environment.Routes.FindAddress(Queue, _brokerId) ?? throw QueueEnvironment.NoBroker(Queue);
        _retry.Asks = broker.Address;
        _master ??= FindMaster();
        var request = new PullRequest(Options.Group, Queue, _nextOffset)
        {
            MaxMessages = _pullFlow.MessagesPerPull,
            MaxBytes = _pullFlow.MaxBytesPerPull,
            // With a pull of a logical queue brokers would take it for an offset of the queue behind.
            CommitOffset = Queue.IsLogical ? 0 : _commits.Piggyback(Committable(), broker.IsSlave),
            ToSlave = broker.IsSlave,
            SuspendTimeout = Options.PullSuspendTimeout,
            // A group that may not broadcast is refused by what its heartbeats say only.
            Expression = _environment.IsBroadcasting ? null : subscription.SentWithPulls,
            SubVersion = subscription.Data.SubVersion,
            ExpressionType = subscription.Data.ExpressionType ?? SubscriptionData.TagType,
            Pooled = _environment.AreLeased,
        };
        NotePull();
        var asked = _time.GetTimestamp();
        if (await AskAsync(broker, request, subscription, routeChanges) is not { } result)
        {
            return;
        }

        _commits.PiggybackAcked();
        Volatile.Write(ref _lastPulledAt, _time.GetUtcNow().Ticks);
        _brokerId = result.SuggestedBrokerId;
        Hear(result.MaxOffset);
        if (result.Status == PullStatus.OffsetIllegal)
        {
            await ResetAsync(result, request, broker);
            return;
        }

        // An answer without messages moves on too: what the filter left out needs no consuming.
        var next = result.Status == PullStatus.Found ? await DecodeAsync(result) : result.NextBeginOffset;
        Volatile.Write(ref _nextOffset, next);
        _end.Note(_pulled, _lastPulledAt);
        if (Runs.Window.Add(_pulled, next) > 0)
        {
            _environment.Dispatcher.Signal(this);
        }

        NoteNewest();
        var took = _time.GetElapsedTime(asked);
        NoteFound(result.Status, took, broker);
        _pulled.Clear();
        PooledBody.Of(result.Records)?.Release();
        await BackOffAfterEmptyPullAsync(broker, isFruitless: next <= request.Offset && IsUnheld(result.Status, took));
    }

    // As in Java: how long a pull waited for nothing says nothing.
    private void NoteFound(PullStatus status, TimeSpan took, BrokerAddress broker)
    {
        if (status == PullStatus.Found)
        {
            Statistics.Recent.Pulled(_pulled.Count, took);
            Statistics.Metrics?.Pulled(took, broker.Address);
        }
    }

    /// <summary>
    /// Whether nothing came, and without a wait. A leader says so of a logical queue whose new piece has no offset yet, until the
    /// remapping is done.
    /// </summary>
    private bool IsUnheld(PullStatus status, TimeSpan took) => status == PullStatus.NoMatchedMessage
        || (status == PullStatus.NoNewMessage && Queue.IsLogical && took < AtOnce && took < Options.PullSuspendTimeout / 2);

    private string? FindMaster() => _environment.Routes.FindAddress(Queue, onlyThisBroker: true)?.Address;

    /// <summary>The broker demands another offset.</summary>
    private async Task ResetAsync(PullResult result, PullRequest request, BrokerAddress broker)
    {
        var offset = await _end.CorrectAsync(result, request.Offset, MasterAddress(), _stopping.Token);
        if (result.NextBeginOffset == request.Offset)
        {
            // No reset: a broker that goes on saying so must not be asked without a pause.
            await BackOffAfterEmptyPullAsync(broker, isFruitless: true);
            if (_isPullOver())
            {
                return;
            }
        }

        // Told once. From here on it is the state's, whatever comes between.
        Raise(QueueEvent.BrokerReset(offset));
    }

    private async ValueTask<long> DecodeAsync(PullResult result)
    {
        try
        {
            return _records.Decode(result, PresentSubscription(), _pulled);
        }
        catch (MessageFormatException broken)
        {
            if (await _broken.PassAsync(_nextOffset, broken, _stopping.Token) is not { } next)
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
    private async Task BackOffAfterEmptyPullAsync(BrokerAddress broker, bool isFruitless)
    {
        _emptyPulls = isFruitless && _environment.Routes.FindAddress(Queue, _brokerId) == broker ? _emptyPulls + 1 : 0;
        if (_emptyPulls > 0)
        {
            await _pullFlow.WaitAsync(_isPullOver, _runtime.BackOff(_emptyPulls, FirstBackOff, LongestBackOff), _ownership.Pulling);
        }
    }

    /// <summary>Pulls; null when subscription or routes have changed meanwhile, or the queue's state says something else by now.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<PullResult?> AskAsync(BrokerAddress broker, PullRequest request, Subscription subscription, int routeChanges)
    {
        var pull = PullCancellation();
        // What changed before there was a pull to give up has given up none.
        if (!ReferenceEquals(PresentSubscription(), subscription) || routeChanges != Volatile.Read(ref _routeChanges) || _isPullOver())
        {
            _commits.PiggybackDropped();
            return null;
        }

        Volatile.Write(ref _askedAt, _time.GetTimestamp());
        try
        {
            return await _environment.Brokers.PullAsync(broker.Address, request, Options.PullSuspendTimeout + AnswerTimeout, pull.Token);
        }
        catch (OperationCanceledException) when (pull.IsCancellationRequested && !_ownership.Pulling.IsCancellationRequested)
        {
            return null;
        }
        catch (RocketMQException exception)
        {
            if (exception is BrokerResponseException)
            {
                // Refused: what it carries comes no more.
                _commits.PiggybackDropped();
            }

            Statistics.Metrics?.PullFailed(_time.GetElapsedTime(Volatile.Read(ref _askedAt)), broker.Address, exception);
            throw;
        }
        finally
        {
            Volatile.Write(ref _askedAt, 0);
        }
    }

    /// <summary>What gives up a pull; the same one for all pulls of a lease, until it has been used.</summary>
    private CancellationTokenSource PullCancellation()
    {
        if (_pull is { IsCancellationRequested: false } present && ReferenceEquals(_pullLease, _ownership))
        {
            return present;
        }

        _pull?.Dispose();
        _pullLease = _ownership;
        var next = CancellationTokenSource.CreateLinkedTokenSource(_ownership.Pulling);
        Volatile.Write(ref _pull, next);
        return next;
    }

    // A topic given up keeps its last one until the queue stops.
    private Subscription PresentSubscription() => _subscription = _environment.Group.FindSubscription(Queue.Topic) ?? _subscription;
}
