using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Dispatch;
using OrleansRocketMQ.Engine.Dispatch.Concurrent;
using OrleansRocketMQ.Engine.Dispatch.KeyOrdered;
using OrleansRocketMQ.Engine.Dispatch.Orderly;
using OrleansRocketMQ.Engine.Flow;
using OrleansRocketMQ.Engine.Locks;
using OrleansRocketMQ.Engine.Offsets;
using OrleansRocketMQ.Engine.Ownership;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Rebalance;
using OrleansRocketMQ.Engine.Retry;
using OrleansRocketMQ.Engine.Scheduling;
using OrleansRocketMQ.Engine.Simulation.World;
using OrleansRocketMQ.Engine.Statistics;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Engine.Simulation.Members;

/// <summary>
/// One member of the group: the engine's rebalance, pumps, dispatcher, persister, locks and quotas, put together as a silo
/// does. When its fence closes is the run's.
/// </summary>
internal sealed class Member : IGroupMember
{
    public static readonly TimeSpan LockExpiry = TimeSpan.FromSeconds(3);

    public static readonly TimeSpan RetryInterval = TimeSpan.FromMilliseconds(200);

    public static readonly TimeSpan ConsumeTimeout = TimeSpan.FromSeconds(3);

    /// <summary>A member that stands still for longer must look whether it is still one.</summary>
    public static readonly TimeSpan LongestStandstill = TimeSpan.FromSeconds(1.2);

    private static readonly TimeSpan RebalanceInterval = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan ReleaseBudget = TimeSpan.FromSeconds(2);

    private readonly Dictionary<MessageQueue, MemberQueue> _queues = [];
    private readonly SimulatedWorld _world;
    private readonly EngineScheduler _scheduler;
    private readonly OffsetPersister _persister;
    private readonly IQueueDispatcher _dispatcher;
    private readonly QueueLocks? _locks;
    private readonly OwnershipFence? _fence;

    public Member(SimulatedWorld world, Owner owner, SimulatedDirectory directory, IEnumerable<string> deadMembers)
    {
        Owner = owner;
        _world = world;
        Directory = directory;
        var options = OptionsOf(world.Setup);
        Standstill = world.Setup.MayStandStill ? new Standstill(world.Scheduler) : null;
        var time = Standstill?.Time ?? world.Time;
        var scheduler = new EngineScheduler(Standstill is null ? world.Scheduler : Standstill);
        var runtime = new EngineRuntime(time, scheduler, new Random((int)world.Setup.Seed));
        _scheduler = scheduler;
        Group = new MemberGroup(world, this, time);
        Rebalance = new RebalanceLoop(
            Group, directory.For(this), RebalanceInterval, ReleaseBudget, runtime, NullLogger.Instance);
        var brokers = new SimulatedBrokers(world, owner, queue => _queues.GetValueOrDefault(queue));
        var routes = new SimulatedRoutes();
        var stored = new BrokerOffsetStore(brokers, routes, options, new OffsetStoreMetrics(time));
        IOffsetStore offsets = world.Setup.Broadcasts ? new MemberOffsets(stored) : stored;
        var retry = new RetryPublisher(
            new(options),
            new RetryTargets(brokers, routes, new SimulatedParking(world), ClientNamespace.None, () => "copy"),
            time,
            NullLogger<RetryPublisher>.Instance);
        var listeners = new SimulatedListeners(world, owner, queue => _queues.GetValueOrDefault(queue));
        _dispatcher = world.Setup.Mode switch
        {
            Mode.Orderly => new OrderlyDispatcher(
                options,
                listeners,
                retry,
                world.Setup.KeepsFailureCounts ? world.FailureCounts.For(owner) : null,
                runtime,
                NullLogger<OrderlyDispatcher>.Instance),
            Mode.KeyOrdered => new KeyOrderedDispatcher(options, listeners, retry, runtime, NullLogger<KeyOrderedDispatcher>.Instance),
            _ => new ConcurrentDispatcher(options, listeners, retry, runtime, NullLogger<ConcurrentDispatcher>.Instance)
            {
                AreLeased = world.Setup.Leases,
            },
        };
        _locks = world.Setup.NeedsLock
            ? new QueueLocks(options, new Lockers(owner.Name, brokers, routes), () => deadMembers, runtime, NullLogger<QueueLocks>.Instance)
            : null;
        Budgets = new GroupQuotas(options, new SharedQuota(world.Setup.SharedLimit * 600L));
        _fence = Standstill is null ? null : new OwnershipFence(
            new SimulatedMembership(world, owner), new FenceTimes(TimeSpan.Zero, LongestStandstill), runtime, NullLogger.Instance);
        if (_fence is not null)
        {
            _fence.Changed += closed => Tell(closed);
        }

        Environment = new QueueEnvironment
        {
            Options = options,
            ClientId = owner.Name,
            Runtime = runtime,
            Brokers = brokers,
            Routes = routes,
            Fence = _fence is null ? new SimulatedFence(world, owner) : new FenceOfBoth(owner, _fence),
            Group = new SimulatedGroup(world, owner, queue => world.IsPaused[world.Find(queue).Index]),
            Offsets = offsets,
            StartOffset = new StartOffset(offsets, brokers, options, time.GetUtcNow()),
            Dispatcher = _dispatcher,
            Budgets = Budgets,
            Statistics = new GroupStatistics(time),
            Locks = _locks,
            AreLeased = world.Setup.Leases,
            Checkpoints = world.Setup.HasCheckpoints
                ? new GroupCheckpoints(options, world.Checkpoints.For(owner), runtime, NullLogger<GroupCheckpoints>.Instance)
                : null,
            Observe = (queue, state, happened) => _queues.GetValueOrDefault(queue)?.Observe(state, happened),
        };
        _persister = new OffsetPersister(
            options,
            () => Running.Select(queue => queue.Pump).ToArray(),
            runtime,
            NullLogger<OffsetPersister>.Instance);
    }

    public Owner Owner { get; }

    /// <summary>Lets it stand still; null where members never do.</summary>
    public Standstill? Standstill { get; }

    public QueueEnvironment Environment { get; }

    /// <summary>Which queues are to be here, and how the member finds out.</summary>
    public RebalanceLoop Rebalance { get; }

    /// <summary>The group as this member sees it.</summary>
    public MemberGroup Group { get; }

    public SimulatedDirectory Directory { get; }

    /// <summary>The queues that have not ended here.</summary>
    public IEnumerable<MemberQueue> Running => _queues.Values.Where(queue => !queue.IsOver);

    public GroupQuotas Budgets { get; }

    public GroupStatistics Statistics => Environment.Statistics;

    public IReadOnlyDictionary<MessageQueue, IGroupQueue> Queues
        => Running.ToDictionary(queue => queue.Queue.Id, IGroupQueue (queue) => queue.Pump);

    public IReadOnlyList<IReadOnlyList<MessageQueue>> Topics =>
    [
        .. _world.Queues.Where(queue => !_world.Setup.Broadcasts || _world.HomeOf(queue.Index) == Owner.Index)
            .GroupBy(queue => queue.Id.Topic, queue => queue.Id)
            .Select(queues => queues.Order().ToArray()),
    ];

    public bool? Pops(MessageQueue queue) => false;

    public Task HandOverAsync(StopDeadline deadline)
        => Task.WhenAll(Running.ToArray().Select(queue => Directory.HandOverAsync(this, queue, deadline.ForListeners)));

    public void Start()
    {
        _fence?.Start();
        _dispatcher.Start();
        _persister.Start();
        Environment.Checkpoints?.Start(() => Running.Select(queue => queue.Pump).ToArray());
        Rebalance.Start();
    }

    /// <summary>Does something at the member: not while it stands still.</summary>
    public Task RunAsync(Func<Task> work) => _scheduler.Run(work);

    public void Add(MemberQueue queue) => _queues[queue.Pump.Queue] = queue;

    /// <summary>Ends what the member's queues share. They must have ended before.</summary>
    public async Task StopAsync()
    {
        await Rebalance.StopAsync();
        await _persister.StopAsync();
        await _dispatcher.StopAsync();
        await (_fence?.DisposeAsync() ?? ValueTask.CompletedTask);
        await (Environment.Checkpoints?.StopAsync() ?? Task.CompletedTask);
        if (_locks is not null)
        {
            await _locks.StopAsync();
        }
    }

    // Open only when the run has not closed it, either.
    private void Tell(bool closed)
    {
        foreach (var queue in _queues.Values.Where(queue => !queue.IsOver && (closed || !Environment.Fence.IsClosed)))
        {
            queue.Pump.OnFence(closed);
        }
    }

    /// <summary>The group's options, with times short enough for a run of half a minute.</summary>
    private static ConsumerOptions OptionsOf(Setup setup) => new()
    {
        Group = SimulatedWorld.Group,
        ConsumeFromWhere = ConsumeFromWhere.FirstOffset,
        MessageModel = setup.Broadcasts ? MessageModel.Broadcasting : MessageModel.Clustering,
        ConsumeThreadMin = setup.Slots,
        ConsumeThreadMax = setup.Slots + 2,
        ConsumeBatchSize = setup.Batch,
        BatchMaxWait = setup.BatchWait,
        BatchMaxBytes = setup.BatchBytes,
        PullBatchSize = setup.PullBatch,
        PullSuspendTimeout = SimulatedWorld.Suspend,
        PullThresholdForAll = setup.SharedLimit,
        PullThresholdForTopic = setup.SharedLimit,
        PullThresholdBytesForTopic = setup.SharedLimit * 200L,
        PullThresholdForQueue = setup.QueueLimit,
        MaxCachedMessagesPerQueue = setup.QueueLimit,
        ConsumeMaxSpan = setup.QueueLimit * 4,
        MaxReconsumeTimes = SimulatedWorld.MaxAttempts,
        ConsumeTimeout = ConsumeTimeout,
        AutoRecovery = setup.AutoRecovery,
        // A queue that does not recover by itself stands still after the second failure on end.
        MaxRetryTimes = setup.AutoRecovery ? 3 : 2,
        AutoCommit = setup.AutoCommit,
        CheckpointInterval = TimeSpan.FromMilliseconds(300),
        PersistInterval = TimeSpan.FromMilliseconds(500),
        RetryInterval = RetryInterval,
        SuspendCurrentQueueTime = TimeSpan.FromMilliseconds(200),
        LockInterval = TimeSpan.FromMilliseconds(800),
        LockExpiry = LockExpiry,
        PoisonHandling = setup.Parks ? PoisonHandling.Park : PoisonHandling.Block,
        MaxParkedKeys = setup.MostParked,
        KeyRetryBackoff = TimeSpan.FromMilliseconds(100),
        MaxKeyRetryBackoff = TimeSpan.FromSeconds(1),
        ParkAfter = TimeSpan.FromSeconds(4),
    };
}
