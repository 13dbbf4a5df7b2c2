using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Dispatch;
using OrleansRocketMQ.Dispatch.Keyed;
using OrleansRocketMQ.Dispatch.Orderly;
using OrleansRocketMQ.Engine.Simulation.World;
using OrleansRocketMQ.Flow;
using OrleansRocketMQ.Locks;
using OrleansRocketMQ.Offsets;
using OrleansRocketMQ.Ports;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Queues;
using OrleansRocketMQ.Scheduling;
using OrleansRocketMQ.Statistics;

namespace OrleansRocketMQ.Engine.Simulation.Members;

/// <summary>
/// One member of the group: the engine's pumps, dispatcher, persister, locks and quotas, put together as a silo does. Its
/// fence, and which queues it has, are the run's.
/// </summary>
internal sealed class Member
{
    public static readonly TimeSpan LockExpiry = TimeSpan.FromSeconds(3);

    private readonly Dictionary<MessageQueue, MemberQueue> _queues = [];
    private readonly OffsetPersister _persister;
    private readonly IQueueDispatcher _dispatcher;
    private readonly QueueLocks? _locks;

    public Member(SimulatedWorld world, Owner owner, IEnumerable<string> deadMembers)
    {
        Owner = owner;
        var options = OptionsOf(world.Setup);
        var runtime = new EngineRuntime(world.Time, new EngineScheduler(world.Scheduler), new Random((int)world.Setup.Seed));
        var brokers = new SimulatedBrokers(world, owner, queue => _queues.GetValueOrDefault(queue));
        var routes = new SimulatedRoutes();
        var offsets = new BrokerOffsetStore(brokers, routes, options, new OffsetStoreMetrics(world.Time));
        var retry = new RetryPublisher(
            options,
            new RetryTargets(brokers, routes, new SimulatedParking(world), ClientNamespace.None, () => "copy"),
            world.Time,
            NullLogger<RetryPublisher>.Instance);
        var listeners = new SimulatedListeners(world, owner, queue => _queues.GetValueOrDefault(queue));
        _dispatcher = world.Setup.Mode switch
        {
            Mode.Orderly => new OrderlyDispatcher(options, listeners, retry, null, runtime, NullLogger<OrderlyDispatcher>.Instance),
            Mode.KeyOrdered => new KeyedDispatcher(options, listeners, retry, runtime, NullLogger<KeyedDispatcher>.Instance),
            _ => new ConcurrentDispatcher(options, listeners, retry, runtime, NullLogger<ConcurrentDispatcher>.Instance),
        };
        _locks = world.Setup.NeedsLock
            ? new QueueLocks(options, new Lockers(owner.Name, brokers, routes), () => deadMembers, runtime, NullLogger<QueueLocks>.Instance)
            : null;
        Budgets = new GroupBudgets(options, new SharedBudget(world.Setup.SharedLimit * 600L));
        Environment = new QueueEnvironment
        {
            Options = options,
            ClientId = owner.Name,
            Runtime = runtime,
            Brokers = brokers,
            Routes = routes,
            Fence = new SimulatedFence(owner),
            Group = new SimulatedGroup(world, owner),
            Offsets = offsets,
            StartOffset = new StartOffset(offsets, brokers, options, world.Time.GetUtcNow()),
            Dispatcher = _dispatcher,
            Budgets = Budgets,
            Statistics = new GroupStatistics(world.Time),
            Locks = _locks,
            Observe = (queue, state, happened) => _queues.GetValueOrDefault(queue)?.Observe(state, happened),
        };
        _persister = new OffsetPersister(
            options,
            () => _queues.Values.Where(queue => !queue.IsOver).Select(queue => queue.Pump).ToArray(),
            runtime,
            NullLogger<OffsetPersister>.Instance);
    }

    public Owner Owner { get; }

    public QueueEnvironment Environment { get; }

    public GroupBudgets Budgets { get; }

    public void Start()
    {
        _dispatcher.Start();
        _persister.Start();
    }

    public void Add(MemberQueue queue) => _queues[queue.Pump.Queue] = queue;

    /// <summary>Ends what the member's queues share. They must have ended before.</summary>
    public async Task StopAsync()
    {
        await _persister.StopAsync();
        await _dispatcher.StopAsync();
        if (_locks is not null)
        {
            await _locks.StopAsync();
        }
    }

    /// <summary>The group's options, with times short enough for a run of half a minute.</summary>
    private static ConsumerOptions OptionsOf(Setup setup) => new()
    {
        Group = SimulatedWorld.Group,
        ConsumeFromWhere = ConsumeFromWhere.FirstOffset,
        ConsumeThreadMin = setup.Slots,
        ConsumeThreadMax = setup.Slots + 2,
        ConsumeBatchSize = setup.Batch,
        PullBatchSize = setup.PullBatch,
        PullSuspendTimeout = SimulatedWorld.Suspend,
        PullThresholdForAll = setup.SharedLimit,
        PullThresholdForTopic = setup.SharedLimit,
        PullThresholdBytesForTopic = setup.SharedLimit * 200L,
        PullThresholdForQueue = setup.QueueLimit,
        MaxCachedMessagesPerQueue = setup.QueueLimit,
        ConsumeMaxSpan = setup.QueueLimit * 4,
        MaxReconsumeTimes = SimulatedWorld.MaxAttempts,
        ConsumeTimeout = TimeSpan.FromSeconds(3),
        AutoRecovery = setup.AutoRecovery,
        AutoCommit = setup.AutoCommit,
        PersistInterval = TimeSpan.FromMilliseconds(500),
        RetryInterval = TimeSpan.FromMilliseconds(200),
        SuspendCurrentQueueTime = TimeSpan.FromMilliseconds(200),
        LockInterval = TimeSpan.FromMilliseconds(800),
        LockExpiry = LockExpiry,
        PoisonHandling = setup.Parks ? PoisonHandling.Park : PoisonHandling.Block,
        KeyRetryBackoff = TimeSpan.FromMilliseconds(100),
        MaxKeyRetryBackoff = TimeSpan.FromSeconds(1),
        ParkAfter = TimeSpan.FromSeconds(4),
    };
}
