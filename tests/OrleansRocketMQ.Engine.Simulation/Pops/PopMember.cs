using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Dispatch.Concurrent;
using OrleansRocketMQ.Engine.Flow;
using OrleansRocketMQ.Engine.Group;
using OrleansRocketMQ.Engine.Offsets;
using OrleansRocketMQ.Engine.Ownership;
using OrleansRocketMQ.Engine.Pop;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Rebalance;
using OrleansRocketMQ.Engine.Retry;
using OrleansRocketMQ.Engine.Scheduling;
using OrleansRocketMQ.Engine.Simulation.Kernel;
using OrleansRocketMQ.Engine.Simulation.Members;
using OrleansRocketMQ.Engine.Simulation.World;
using OrleansRocketMQ.Engine.Statistics;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Engine.Simulation.Pops;

/// <summary>
/// One member of a group that pops: the engine's group with its pumps, dispatcher and persister, its rebalance and its fence, put
/// together as a silo does.
/// </summary>
internal sealed class PopMember : IGroupMember
{
    private static readonly TimeSpan RebalanceInterval = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan ReleaseBudget = TimeSpan.FromSeconds(2);

    // Members hear of a switch when they ask, each at its own time.
    private static readonly TimeSpan LongestOldMode = TimeSpan.FromSeconds(2);

    private readonly PopWorld _world;
    private readonly Dictionary<PopLog, PopHolder> _holders = [];
    private readonly Dictionary<string, (bool Pops, long Until)> _modes = new(StringComparer.Ordinal);
    private readonly EngineScheduler _scheduler;
    private readonly SeededRandom _random;
    private readonly OwnershipFence? _fence;

    public PopMember(PopWorld world, Owner owner, PopDirectory directory)
    {
        _world = world;
        Owner = owner;
        Directory = directory;
        _random = SeededRandom.Of(world.Setup.Seed, $"modes of {owner.Name}");
        Standstill = world.Setup.MayStandStill ? new Standstill(world.Scheduler) : null;
        var options = OptionsOf(world.Setup);
        var time = Standstill?.Time ?? world.Time;
        _scheduler = new EngineScheduler(Standstill is null ? world.Scheduler : Standstill);
        var runtime = new EngineRuntime(time, _scheduler, new Random((int)world.Setup.Seed));
        Group = new MemberGroup(world.Weather, this, time);
        Rebalance = new RebalanceLoop(Group, directory.For(this), RebalanceInterval, ReleaseBudget, runtime, NullLogger.Instance);
        _fence = Standstill is null ? null : new OwnershipFence(
            new SimulatedMembership(world.Weather, owner),
            new FenceTimes(TimeSpan.Zero, Member.LongestStandstill),
            runtime,
            NullLogger.Instance);
        Environment = EnvironmentOf(options, runtime);
        Queues = new ConsumerGroup(Environment, NullLoggerFactory.Instance);
        if (_fence is not null)
        {
            _fence.Changed += OnFence;
        }

        owner.OnFence(OnFence);
    }

    public Owner Owner { get; }

    public Standstill? Standstill { get; }

    public QueueEnvironment Environment { get; }

    public MemberGroup Group { get; }

    public RebalanceLoop Rebalance { get; }

    public PopDirectory Directory { get; }

    public ConsumerGroup Queues { get; }

    public GroupStatistics Statistics => Environment.Statistics;

    public IReadOnlyList<IReadOnlyList<MessageQueue>> Topics =>
    [
        [.. _world.Sources.Select(log => log.Id).Order()],
        [_world.Logs[Setup.Queues].Id],
        .. _world.Logs.Skip(_world.Weather.Queues.Count)
            .Where(log => log.Max > 0 && ModeOf(log.Id.BrokerName) is false)
            .GroupBy(log => log.Id.Topic, log => log.Id)
            .Select(queues => queues.Order().ToArray()),
    ];

    IReadOnlyDictionary<MessageQueue, IGroupQueue> IGroupMember.Queues => Queues.Queues;

    public IEnumerable<PopHolder> Holders => _holders.Values;

    /// <summary>The pumps that run here.</summary>
    public IEnumerable<IGroupQueue> Running => Queues.Queues.Values;

    public PopHolder HolderOf(MessageQueue queue)
    {
        var log = _world.Find(Engine.Contracts.QueueShare.QueueOf(queue));
        if (!_holders.TryGetValue(log, out var holder))
        {
            _holders[log] = holder = new PopHolder(this, log);
        }

        return holder;
    }

    // As a silo does it: what brokers have said holds for a while.
    public bool? Pops(MessageQueue queue) => SystemTopics.IsRetry(queue.Topic) ? false : ModeOf(queue.BrokerName);

    public Task HandOverAsync(StopDeadline deadline)
        => Task.WhenAll(Running.ToArray().Select(pump => Directory.ReleaseAsync(this, pump, deadline.ForListeners)));

    public void Start()
    {
        _fence?.Start();
        Queues.Start();
        Rebalance.Start();
    }

    /// <summary>Does something at the member: not while it stands still.</summary>
    public Task RunAsync(Func<Task> work) => _scheduler.Run(work);

    /// <summary>Starts a queue here.</summary>
    public IGroupQueue StartQueue(MessageQueue queue, QueueArrival? arrival, bool pops)
        => Queues.StartQueue(queue, arrival, pops, made: pump =>
        {
            HolderOf(queue).Add(pump);
            if (pump is PopPump popped)
            {
                popped.Observe = (state, happened) => Observe(queue, state, happened);
            }
        });

    /// <summary>Pauses have changed, or rates.</summary>
    public void FlowChanged()
    {
        foreach (var pump in Running)
        {
            pump.Runs.Gate.Set(_world.IsPaused(pump.Queue), Owner.Rate);
        }

        Ready();
    }

    /// <summary>Messages may go out again.</summary>
    public void Ready() => Queues.Resume(static _ => true);

    /// <summary>It is dead: nothing of it reaches anybody. What still runs is ended.</summary>
    public async Task DieAsync()
    {
        await Task.WhenAll(Running.ToArray().Select(pump => Queues.StopQueueAsync(pump, TimeSpan.Zero)));
        await StopAsync();
    }

    /// <summary>Ends what the member's queues share. They must have ended before.</summary>
    public async Task StopAsync()
    {
        Owner.NoFence(OnFence);
        await Rebalance.StopAsync();
        await Environment.Dispatcher.StopAsync();
        await Queues.StopAsync();
        await (_fence?.DisposeAsync() ?? ValueTask.CompletedTask);
    }

    private void Observe(MessageQueue queue, PopState state, QueueEventKind happened)
    {
        if (!Owner.IsDead)
        {
            _world.Ledger.Coverage.Reached(state.Phase, happened);
            _world.Scheduler.Note(happened.ToString(), Owner.Name, queue.QueueId);
        }
    }

    private bool ModeOf(string broker)
    {
        if (!_modes.TryGetValue(broker, out var known) || _world.Time.Now >= known.Until)
        {
            var until = _world.Time.Now + _random.Between(TimeSpan.Zero, LongestOldMode).Ticks;
            _modes[broker] = known = (_world.Pops(broker), until);
        }

        return known.Pops;
    }

    private QueueEnvironment EnvironmentOf(ConsumerOptions options, EngineRuntime runtime)
    {
        var brokers = new PopBrokers(_world, this);
        var routes = new SimulatedRoutes();
        var offsets = new BrokerOffsetStore(brokers, routes, options, new OffsetStoreMetrics(runtime.Time));
        var retry = new RetryPublisher(
            new(options),
            new RetryTargets(brokers, routes, new PopParking(_world), ClientNamespace.None, static () => "copy"),
            runtime.Time,
            NullLogger<RetryPublisher>.Instance);
        return new QueueEnvironment
        {
            Options = options,
            ClientId = Owner.Name,
            Runtime = runtime,
            Brokers = brokers,
            Routes = routes,
            Fence = _fence is null ? new SimulatedFence(_world.Weather, Owner) : new FenceOfBoth(Owner, _fence),
            Group = new SimulatedGroup(_world.Weather, Owner, _world.IsPaused),
            Offsets = offsets,
            StartOffset = new StartOffset(offsets, brokers, options, runtime.Time.GetUtcNow()),
            Dispatcher = new ConcurrentDispatcher(
                options, new PopListeners(_world, this), retry, runtime, NullLogger<ConcurrentDispatcher>.Instance),
            Budgets = new GroupQuotas(options, new SharedQuota(_world.Setup.SharedLimit * 600L)),
            Statistics = new GroupStatistics(runtime.Time),
        };
    }

    // Open only when the run has not closed it, either.
    private void OnFence(bool closed)
    {
        foreach (var pump in Running.Where(_ => !Owner.IsDead && (closed || !Environment.Fence.IsClosed)))
        {
            pump.OnFence(closed);
        }
    }

    private static ConsumerOptions OptionsOf(Setup setup) => new()
    {
        Group = SimulatedWorld.Group,
        ConsumeFromWhere = ConsumeFromWhere.FirstOffset,
        ConsumeThreadMin = setup.Slots,
        ConsumeThreadMax = setup.Slots + 2,
        ConsumeBatchSize = setup.Batch,
        BatchMaxWait = setup.BatchWait,
        BatchMaxBytes = setup.BatchBytes,
        PullBatchSize = setup.PullBatch,
        PullSuspendTimeout = SimulatedWorld.Suspend,
        PopInvisibleTime = PopSetup.InvisibleTimeOf(setup.Seed),
        PopPollTime = PopSetup.PollTime,
        PullThresholdForAll = setup.SharedLimit,
        PullThresholdForTopic = setup.SharedLimit,
        PullThresholdForQueue = setup.QueueLimit,
        MaxCachedMessagesPerQueue = setup.QueueLimit,
        ConsumeMaxSpan = setup.QueueLimit * 4,
        MaxReconsumeTimes = SimulatedWorld.MaxAttempts,
        ConsumeTimeout = Member.ConsumeTimeout,
        AutoRecovery = setup.AutoRecovery,
        MaxRetryTimes = setup.AutoRecovery ? 3 : 2,
        PersistInterval = TimeSpan.FromMilliseconds(500),
        RetryInterval = Member.RetryInterval,
        ParkAfter = TimeSpan.FromSeconds(4),
    };
}
