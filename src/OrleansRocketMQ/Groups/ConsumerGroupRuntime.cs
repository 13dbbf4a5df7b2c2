using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using Orleans.Runtime;
using OrleansRocketMQ.Allocation;
using OrleansRocketMQ.Allocation.Agreement;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Dispatch;
using OrleansRocketMQ.Engine.Allocation;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Dispatch;
using OrleansRocketMQ.Engine.Flow;
using OrleansRocketMQ.Engine.Group;
using OrleansRocketMQ.Engine.Locks;
using OrleansRocketMQ.Engine.Offsets;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Rebalance;
using OrleansRocketMQ.Engine.Retry;
using OrleansRocketMQ.Engine.Scheduling;
using OrleansRocketMQ.Engine.Statistics;
using OrleansRocketMQ.Engine.Subscriptions;
using OrleansRocketMQ.Engine.Window;
using OrleansRocketMQ.Fencing;
using OrleansRocketMQ.Flow;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Queues;
using OrleansRocketMQ.Tracing;

namespace OrleansRocketMQ.Consumers;

/// <summary>One consumer group on this silo: what its queues share, where they belong, and what brokers hear of the group.</summary>
internal sealed partial class ConsumerGroupRuntime : IGroup
{
    private static readonly TimeSpan LongestTelling = TimeSpan.FromSeconds(1);

    private readonly CancellationTokenSource _stopping = new();
    private readonly Lock _gate = new();
    private readonly LeavingMembers _leaving = new();
    private readonly ConditionalWeakTable<IGroupQueue, IGrainContext> _owners = [];
    private readonly ConcurrentDictionary<MessageQueue, bool> _shares = [];
    private readonly EngineRuntime _runtime;
    private readonly TimeProvider _time;
    private readonly ILoggerFactory _loggers;
    private readonly ILogger _logger;
    private ConsumerGroup? _queues;

    public ConsumerGroupRuntime(
        ConsumerOptions options,
        RocketMQClient client,
        SubscriptionTable subscriptions,
        IQueueDispatcher dispatcher,
        GroupStatistics statistics,
        GroupQuotas budgets,
        IOffsetStore offsets,
        TimeProvider time,
        ILoggerFactory loggers,
        QueueLocks? locks = null)
    {
        Options = options;
        Client = client;
        Subscriptions = subscriptions;
        Dispatcher = dispatcher;
        Statistics = statistics;
        Locks = locks;
        Budgets = budgets;
        Flow = new GroupFlowControl(time, options.HasBreakers);
        Flow.Gates.Opened += which => Queues.Resume(which);
        Offsets = offsets;
        _time = time;
        _runtime = SiloRuntime.Of(time);
        StartedAt = time.GetUtcNow();
        _loggers = loggers;
        _logger = loggers.CreateLogger<ConsumerGroupRuntime>();
        Missing = new MissingGroup(options.Group, client, _logger);
        Modes = new ConsumeModes(options, client, canPop: !IsBroadcasting && !dispatcher.WaitsForCommits, time, _logger);
    }

    public string Group => Options.Group;

    public DateTimeOffset StartedAt { get; }

    public ConsumerOptions Options { get; }

    public RocketMQClient Client { get; }

    public SubscriptionTable Subscriptions { get; }

    public IQueueDispatcher Dispatcher { get; }

    public GroupStatistics Statistics { get; }

    /// <summary>The queue locks at the brokers, when the group needs them.</summary>
    public QueueLocks? Locks { get; }

    /// <summary>What its queues may hold together.</summary>
    public GroupQuotas Budgets { get; }

    /// <summary>What is paused or slowed down.</summary>
    public GroupFlowControl Flow { get; }

    /// <summary>The brokers, as its queues ask them.</summary>
    public required IBrokers Brokers { get; init; }

    /// <summary>Where brokers are.</summary>
    public required IRoutes Routes { get; init; }

    /// <summary>Whether its queues may be worked on by this silo at all.</summary>
    public required MembershipFence Fence { get; init; }

    /// <summary>What its queues have done beyond their commits; null when that is not written down.</summary>
    public GroupCheckpoints? Checkpoints { get; init; }

    /// <summary>Where messages are noted that nobody takes; null where nothing is.</summary>
    public IParkedMessageStore? Parked { get; init; }

    /// <summary>Members of other programs; null where it does not matter which member consumes a message.</summary>
    public Outsiders? Outsiders { get; init; }

    /// <summary>Asks brokers how failed messages are treated; null where that is not wanted.</summary>
    public BrokerRetryPolicy? RetryPolicy { get; init; }

    /// <summary>Where the group's progress is kept.</summary>
    public IOffsetStore Offsets { get; }

    /// <summary>Whether every member of the group gets every message.</summary>
    public bool IsBroadcasting => Options.MessageModel == MessageModel.Broadcasting;

    /// <summary>The name under which this silo has grains of its own for the queues; null when the members share them.</summary>
    public string? Instance { get; init; }

    /// <summary>Tells the trace topic what is consumed; null when that is not wanted.</summary>
    public MessageTrace? Trace { get; init; }

    /// <summary>Who owns which queue, as this silo last saw it.</summary>
    public AllocationView View
    {
        get;
        set
        {
            field = value;
            foreach (var share in value.Queues.Where(QueueShare.IsFurther))
            {
                _shares.TryAdd(share, true);
            }
        }
    } = AllocationView.Empty;

    /// <summary>By what rule all silos share out the queues.</summary>
    public AllocationAgent? Allocation { get; set; }

    /// <summary>Queues that are this silo's by its view, and run on another silo of the cluster all the same, by its name.</summary>
    public IReadOnlyDictionary<MessageQueue, string> Elsewhere { get; set; } = FrozenDictionary<MessageQueue, string>.Empty;

    /// <summary>Another active silo with this one's name, when the group has grains by name.</summary>
    public SiloAddress? Namesake { get; set; }

    /// <summary>What operators want of the queues' places; null until that is known.</summary>
    public PlacementSettings? Placement { get; private set; }

    /// <summary>Why a subscription is not consumed, when a broker refused it.</summary>
    public SubscribeException? Refused { get; set; }

    /// <summary>See <see cref="CallSize"/>.</summary>
    public long MostBytesPerCall { get; init; } = long.MaxValue;

    /// <summary>The brokers that do not know the group.</summary>
    public MissingGroup Missing { get; }

    /// <summary>Whether messages are pulled or popped.</summary>
    public ConsumeModes Modes { get; }

    /// <summary>The queues that run here.</summary>
    public ConcurrentDictionary<MessageQueue, IGroupQueue> Pumps => Queues.Queues;

    private ConsumerGroup Queues => LazyInitializer.EnsureInitialized(ref _queues, () => new ConsumerGroup(CreateEnvironment(), _loggers));

    /// <summary>Whether the group has begun to stop; no queue starts any more.</summary>
    public bool IsStopping => _stopping.IsCancellationRequested;

    /// <summary>Whether this silo hands its queues over to others because it stops.</summary>
    public bool IsLeaving { get; private set; }

    /// <summary>Members of this cluster that are about to leave, though neither brokers nor Orleans say so yet.</summary>
    public IReadOnlyCollection<string> Leaving => _leaving.All;

    /// <summary>Whether Orleans has silos of the cluster that stop; their grains move.</summary>
    public bool HasStoppingSilos { get; set; }

    /// <summary>Whether grains of listeners may be about to move, since silos stop or leave the group.</summary>
    public bool DoListenersMove => HasStoppingSilos || _leaving.Any;

    /// <summary>Another silo of the cluster has begun to leave, or has come back.</summary>
    public event Action? LeavingChanged
    {
        add => _leaving.Changed += value;
        remove => _leaving.Changed -= value;
    }

    /// <summary>Operators want other places for queues.</summary>
    public event Action? PlacementChanged;

    /// <summary>The group subscribes to something else, and brokers have been told.</summary>
    public event Action? SubscriptionsChanged;

    public void Start()
    {
        Trace?.Start();
        Client.RegisterConsumer(Group, Describe, Subscriptions.All.Select(subscription => subscription.Topic));
        Queues.Start();
    }

    /// <summary>The further shares of a queue that there have been.</summary>
    public IEnumerable<MessageQueue> FurtherSharesOf(MessageQueue queue)
        => _shares.Keys.Where(share => QueueShare.QueueOf(share) == queue);

    /// <summary>The key of the grain that has a queue for this silo.</summary>
    public string GrainKeyOf(MessageQueue queue) => QueueGrainKey.Of(Group, queue, Instance);

    /// <summary>Starts a queue here, unless it runs already.</summary>
    /// <param name="queue">The queue.</param>
    /// <param name="owner">The activation of its grain.</param>
    /// <param name="arrival">What comes along from the silo it was on.</param>
    /// <param name="wasPopped">Whether it was popped there; counts while nothing is known here.</param>
    /// <exception cref="ConsumerStateException">The group stops.</exception>
    public IGroupQueue StartQueue(MessageQueue queue, IGrainContext owner, QueueArrival? arrival = null, bool wasPopped = false)
        => Queues.StartQueue(
            queue,
            arrival,
            QueueShare.IsFurther(queue) || (Modes.Pops(queue) ?? wasPopped),
            Flow.UntoldStopOf(queue),
            pump => _owners.Add(pump, owner));

    /// <summary>Stops a queue: see <see cref="IGroupQueue.StopAsync"/>.</summary>
    public async Task StopQueueAsync(IGroupQueue pump, TimeSpan budget)
    {
        await Queues.StopQueueAsync(pump, budget).ConfigureAwait(false);
        if (!Subscriptions.Has(pump.Queue.Topic) && !IsStopping && !IsLeaving)
        {
            // The last one of a topic given up: now its brokers may be forgotten.
            TellTopics();
        }
    }

    /// <summary>
    /// Stops a queue, then lets its grain go: to the silo that owns it now, taking along how far it is, or for good when a
    /// member elsewhere does. One that is still this silo's, and begins anew since its messages come another way, stays.
    /// </summary>
    public async Task ReleaseQueueAsync(IGroupQueue pump, TimeSpan budget)
    {
        await StopQueueAsync(pump, budget).ConfigureAwait(false);
        var pulled = pump as QueuePump;
        var departure = HandOverDecisions.Leave(View, pump.Queue, pulled is { HasCheckpointOfItsOwn: true });
        var stays = View.OwnerOf(pump.Queue) == Client.ClientId && !IsLeaving;
        if (pulled is not null && (stays || departure.ClearsCheckpoint))
        {
            await pulled.ClearCheckpointAsync(orLeaveIt: true).ConfigureAwait(false);
        }

        if (stays)
        {
            return;
        }

        if (departure.GoesAlong)
        {
            OwnerOf(pump).Migrate(requestContext: null);
        }
        else
        {
            OwnerOf(pump).Deactivate(new(DeactivationReasonCode.ApplicationRequested, "The queue is another member's of its group."));
        }
    }

    /// <summary>Takes over what operators want, unless something newer is known.</summary>
    public void Apply(PlacementSettings placement)
    {
        lock (_gate)
        {
            if (Placement is not null && placement.Version <= Placement.Version)
            {
                return;
            }

            Placement = placement;
        }

        PlacementChanged?.Invoke();
    }

    /// <inheritdoc cref="ConsumerGroup.OnRoutes"/>
    public void OnRoutes() => Queues.OnRoutes();

    /// <inheritdoc cref="LeavingMembers.Note"/>
    public void NoteLeaving(string clientId) => _leaving.Note(clientId);

    /// <inheritdoc cref="LeavingMembers.NoteHere"/>
    public void NoteHere(string clientId) => _leaving.NoteHere(clientId);

    /// <inheritdoc cref="LeavingMembers.NoteListed"/>
    public void NoteListed(IReadOnlySet<string> clientIds) => _leaving.NoteListed(clientIds);

    /// <summary>
    /// Hands all queues over to the silos that own them by the given view, in which this one does not take part any more.
    /// </summary>
    public async Task LeaveAsync(AllocationView without, StopDeadline deadline)
    {
        IsLeaving = true;
        Queues.Close("stopping");
        View = without;
        await Task.WhenAll(Pumps.Values.Select(pump => HandOverAsync(pump, deadline))).ConfigureAwait(false);
    }

    /// <summary>Releases a queue, and ends when it is gone: before that the silo must not stop.</summary>
    private async Task HandOverAsync(IGroupQueue pump, StopDeadline deadline)
    {
        using var _ = deadline.Token.UnsafeRegister(static stopped => ((IGroupQueue)stopped!).Abandon(), pump);
        await ReleaseQueueAsync(pump, deadline.ForListeners).ConfigureAwait(false);
        var left = deadline.ForGrains;
        try
        {
            await OwnerOf(pump).Deactivated.WaitAsync(left, _time, deadline.Token).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is TimeoutException or OperationCanceledException)
        {
            // The queue itself has stopped. Its grain follows, or Orleans abandons it.
            Log.GrainStays(_logger, Group, pump.Queue, left);
        }
    }

    /// <summary>Stops all queues, then what they shared. The brokers still count the silo as a member.</summary>
    public async Task StopAsync(StopDeadline deadline)
    {
        _stopping.Cancel();
        Queues.Close("stopping");
        var steps = new StopSteps();
        await steps.TakeAsync(
            () => Task.WhenAll(Pumps.Values.Select(pump => StopQueueAsync(pump, deadline.ForListeners)))).ConfigureAwait(false);
        await steps.TakeAsync(Dispatcher.StopAsync).ConfigureAwait(false);
        await steps.TakeAsync(() => Trace?.StopAsync(deadline.ForGrains) ?? Task.CompletedTask).ConfigureAwait(false);
        await steps.TakeAsync(Queues.StopAsync).ConfigureAwait(false);
        Flow.Dispose();
        steps.ThrowIfAnyFailed();
    }

    string IGroup.RetryTopic => Subscriptions.RetryTopic;

    string? IGroup.OriginOf(string retryTopic) => Subscriptions.OriginOf(retryTopic);

    Subscription? IGroup.FindSubscription(string topic) => Subscriptions.Find(topic);

    DispatchGate IGroup.OpenGate(MessageQueue queue) => Flow.Gates.Open(queue);

    void IGroup.CloseGate(MessageQueue queue) => Flow.Gates.Close(queue);

    void IGroup.NoteMissingAt(string broker) => Missing.Note(broker);

    void IGroup.NoteFoundAt(string broker) => Missing.Found(broker);

    /// <summary>The activation whose queue it is.</summary>
    public IGrainContext OwnerOf(IGroupQueue pump) => _owners.TryGetValue(pump, out var owner)
        ? owner
        : throw new InvalidOperationException($"{pump.Queue} has no grain.");

    private QueueEnvironment CreateEnvironment() => new()
    {
        Options = Options,
        ClientId = Client.ClientId,
        Runtime = _runtime,
        Brokers = Brokers,
        Routes = Routes,
        Fence = Fence,
        Group = this,
        Offsets = Offsets,
        StartOffset = new StartOffset(Offsets, Brokers, Options, StartedAt),
        Dispatcher = Dispatcher,
        Budgets = Budgets,
        Statistics = Statistics,
        Locks = Locks,
        Checkpoints = Checkpoints,
        Parked = Parked,
        Names = Client.Names,
        DecoderOptions = Client.Options.DecoderOptions,
        MostBytesPerCall = MostBytesPerCall,
        AreLeased = Dispatcher.AreLeased,
    };

    private static partial class Log
    {
        [LoggerMessage(142, LogLevel.Warning, "Group {Group}: {Queue} has stopped, but its grain has not left this silo within {Timeout}")]
        public static partial void GrainStays(ILogger logger, string group, MessageQueue queue, TimeSpan timeout);
    }
}
