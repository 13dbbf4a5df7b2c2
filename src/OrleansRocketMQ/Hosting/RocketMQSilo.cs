using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Orleans;
using Orleans.Configuration;
using Orleans.Runtime;
using OrleansRocketMQ.Admin;
using OrleansRocketMQ.Allocation;
using OrleansRocketMQ.Allocation.Agreement;
using OrleansRocketMQ.Brokers;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Dispatch;
using OrleansRocketMQ.Engine.Dispatch;
using OrleansRocketMQ.Engine.Dispatch.Concurrent;
using OrleansRocketMQ.Engine.Dispatch.KeyOrdered;
using OrleansRocketMQ.Engine.Dispatch.Orderly;
using OrleansRocketMQ.Engine.Flow;
using OrleansRocketMQ.Engine.Locks;
using OrleansRocketMQ.Engine.Offsets;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Retry;
using OrleansRocketMQ.Engine.Scheduling;
using OrleansRocketMQ.Engine.Statistics;
using OrleansRocketMQ.Engine.Subscriptions;
using OrleansRocketMQ.Engine.Window;
using OrleansRocketMQ.Fencing;
using OrleansRocketMQ.Management;
using OrleansRocketMQ.Offsets;
using OrleansRocketMQ.Outboxes;
using OrleansRocketMQ.Parking;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.Queues;
using OrleansRocketMQ.Storage;
using OrleansRocketMQ.Subscriptions;
using OrleansRocketMQ.Telemetry;
using OrleansRocketMQ.Tracing;
using OrleansRocketMQ.WarmUp;

namespace OrleansRocketMQ.Hosting;

/// <summary>
/// Starts and stops everything of RocketMQ on a silo in the right order. Start, when the silo is active: clients, then
/// groups, then their rebalance services. Stop, before any grain is deactivated: rebalance services, then queues (no more
/// pulls, listeners finish, offsets are committed). The clients leave the brokers after the grains are gone, so that no
/// other member takes over a queue that still works here.
/// </summary>
internal sealed class RocketMQSilo(
    RocketMQConsumers consumers,
    ConsumerRegistry registry,
    RemoteInvocationDrain guests,
    CallRenewals renewals,
    ListenerClasses listenerClasses,
    IGrainFactory grains,
    IClusterMembershipService membership,
    ILocalSiloDetails silo,
    IOptions<RocketMQOptions> options,
    AllocateStrategies strategies,
    AdminRequests admin,
    MembershipFence fence,
    IEnumerable<IMessageDecompressor> decompressors,
    SiloOutboxes outboxes,
    OutboxSweeper sweeper,
    IServiceProvider services,
    TimeProvider time,
    ILoggerFactory loggers) : ILifecycleParticipant<ISiloLifecycle>
{
    private readonly Dictionary<string, RocketMQClient> _clients = new(StringComparer.Ordinal);
    private readonly EngineRuntime _runtime = SiloRuntime.Of(time);
    private readonly SiloWarmUp _warmUp = new(
        registry, grains, membership, silo.SiloAddress, options.Value, time, loggers.CreateLogger<SiloWarmUp>());
    private readonly SharedQuota _siloBytes = new(options.Value.MaxCachedBytes ?? GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 4);

    public void Participate(ISiloLifecycle lifecycle)
    {
        lifecycle.Subscribe(
            nameof(RocketMQSilo) + ".Clients",
            ServiceLifecycleStage.ApplicationServices,
            _ => Task.CompletedTask,
            _ => LeaveAsync());
        lifecycle.Subscribe(nameof(RocketMQSilo), ServiceLifecycleStage.Active, _ => StartAsync(), DrainAsync);
    }

    private Task StartAsync()
    {
        fence.Start();
        if (consumers.Controls.Count > 0)
        {
            _warmUp.Start((consumerOptions, client) =>
            {
                // Nobody is to hear of it.
                var silent = NullLoggerFactory.Instance;
                var brokers = new ClientBrokers(client, silent.CreateLogger<ClientBrokers>());
                return Create(consumerOptions, client, new GroupStatistics(time), brokers, silent);
            });
        }

        foreach (var control in consumers.Controls)
        {
            // Here, while nobody else is about: later starts only look them up.
            var client = ClientOf(control.Options.NameServer ?? options.Value.NameServer);
            var sync = new SubscriptionSync(
                control.Group,
                control.Book,
                grains,
                silo.SiloAddress,
                options.Value,
                time,
                loggers.CreateLogger<SubscriptionSync>());
            control.Open(sync, client, () => CreateRun(control, client), _warmUp.Ended);
        }

        sweeper.Start();
        return Task.CompletedTask;
    }

    /// <summary>The silo stops: queues are handed over, listeners finish.</summary>
    internal async Task DrainAsync(CancellationToken hostWaitsNoLonger)
    {
        var deadline = new StopDeadline(options.Value.ShutdownTimeout, time, hostWaitsNoLonger);
        var steps = new StopSteps();
        await steps.TakeAsync(sweeper.StopAsync);
        await steps.TakeAsync(_warmUp.StopAsync);
        await steps.TakeAsync(() => Task.WhenAll(consumers.Controls.Select(control => control.CloseAsync(deadline))));

        // Listeners here may still work for queues of others.
        await steps.TakeAsync(() => guests.CloseAsync(deadline));
        steps.ThrowIfAnyFailed();
    }

    private async Task LeaveAsync()
    {
        var steps = new StopSteps();
        await steps.TakeAsync(() => Task.WhenAll(consumers.Controls.Select(control => control.LeaveAsync())));
        await steps.TakeAsync(outboxes.StopAsync);
        foreach (var client in _clients.Values)
        {
            await steps.TakeAsync(() => client.DisposeAsync().AsTask());
        }

        await steps.TakeAsync(() => fence.DisposeAsync().AsTask());
        steps.ThrowIfAnyFailed();
    }

    private ConsumerSession CreateRun(ConsumerLifecycle control, RocketMQClient client)
    {
        var settlements = new SettlementMetrics(services.GetRequiredService<RocketMQMetrics>());
        var brokers = new ClientBrokers(client, loggers.CreateLogger<ClientBrokers>(), settlements);
        var consumer = Create(control.Options, client, control.Statistics, brokers, loggers);
        var allocation = new AllocationAgent(
            control.Options, strategies, grains, silo.SiloAddress, time, loggers.CreateLogger<AllocationAgent>());
        consumer.Allocation = allocation;
        var rebalance = new RebalanceService(
            consumer, allocation, grains, membership, silo.SiloAddress, options.Value, time, loggers.CreateLogger<RebalanceService>());
        var agent = new GroupAgent(consumer, grains, silo.SiloAddress, time, loggers.CreateLogger<GroupAgent>());
        return new ConsumerSession(
            consumer, rebalance, agent, control.Book, registry, options.Value, time, loggers.CreateLogger<ConsumerSession>());
    }

    private RocketMQClient ClientOf(string? nameServer)
    {
        var addresses = RocketMQClientOptions.ParseAddresses(nameServer);
        var key = string.Join(';', addresses);
        if (!_clients.TryGetValue(key, out var client))
        {
            client = _clients[key] = new RocketMQClient(
                new RocketMQClientOptions
                {
                    NameServerAddresses = addresses,
                    ClientId = ClientIdentity.Of(silo.SiloAddress, options.Value.UnitName),
                    Remoting = ClientSettings.RemotingOf(options.Value),
                    VipChannel = options.Value.VipChannel,
                    PollNameServerInterval = options.Value.PollNameServerInterval,
                    HeartbeatInterval = options.Value.HeartbeatInterval,
                    UseHeartbeatV2 = options.Value.UseHeartbeatV2,
                    DecoderOptions = new MessageDecoderOptions
                    {
                        Decompressors = new MessageDecompressors(decompressors),
                        CheckCrc = options.Value.CheckCrc,
                        MaxDecompressedLength = options.Value.MaxDecompressedBodyBytes,
                    },
                },
                loggers,
                time);
            admin.AnswerOn(client);
            client.Start();
        }

        return client;
    }

    private ConsumerGroupRuntime Create(
        ConsumerOptions consumerOptions, RocketMQClient client, GroupStatistics statistics, ClientBrokers brokers, ILoggerFactory log)
    {
        var version = time.GetUtcNow().ToUnixTimeMilliseconds();
        var parked = new GrainParkedMessages(grains, consumerOptions.Group);
        var routes = new ClientRoutes(client);
        var targets = new RetryTargets(brokers, routes, parked, client.Names, UniqueMessageId.OfThisProcess.Next)
        {
            Member = silo.SiloAddress.ToParsableString(),
        };
        var rules = new RetryRules(consumerOptions);
        var retry = new RetryPublisher(rules, targets, time, log.CreateLogger<RetryPublisher>());
        var broadcasts = consumerOptions.MessageModel == MessageModel.Broadcasting;
        var subscriptions = new SubscriptionTable(consumerOptions.Group, consumerOptions.Subscriptions, version, retries: !broadcasts);
        var dispatcher = DispatcherOf(consumerOptions, retry, log);
        var budgets = new GroupQuotas(consumerOptions, _siloBytes);
        var offsets = OffsetsOf(consumerOptions, brokers, routes, statistics);
        var locks = LocksOf(dispatcher, consumerOptions, new Lockers(client.ClientId, brokers, routes));
        return new ConsumerGroupRuntime(
            consumerOptions, client, subscriptions, dispatcher, statistics, budgets, offsets, time, log, locks)
        {
            Brokers = brokers,
            Routes = routes,
            Fence = fence,
            Parked = parked,
            RetryPolicy = consumerOptions.UseBrokerRetryPolicy && !broadcasts
                ? new BrokerRetryPolicy(
                    rules,
                    brokers,
                    routes,
                    () => subscriptions.All.Select(subscription => subscription.Topic),
                    time,
                    loggers.CreateLogger<BrokerRetryPolicy>())
                : null,
            MostBytesPerCall = CallSize.MostOf(services.GetRequiredService<IOptions<SiloMessagingOptions>>().Value.MaxMessageBodySize),
            Checkpoints = consumerOptions.CheckpointInterval > TimeSpan.Zero ? CheckpointsOf(consumerOptions) : null,
            Instance = InstanceOf(consumerOptions),
            Outsiders = OutboxPlace.Has(listenerClasses.ClassOf(consumerOptions.Group, consumerOptions.Listener!)) ? new(time) : null,
            Trace = consumerOptions.MessageTrace ? TraceOf(consumerOptions, client) : null,
        };
    }

    private MessageTrace TraceOf(ConsumerOptions consumerOptions, RocketMQClient client) => new(
        consumerOptions.Group,
        consumerOptions.MessageTraceTopic,
        () => new Producer(
            client,
            new ProducerOptions
            {
                Group = $"_INNER_TRACE_PRODUCER-{consumerOptions.Group}-CONSUME",
                PropagateTraceContext = false,
            },
            loggers),
        time,
        loggers.CreateLogger<MessageTrace>());

    private GroupCheckpoints CheckpointsOf(ConsumerOptions consumerOptions) => new(
        consumerOptions,
        QueueRecords.Checkpoints(StateStorage.Find(services), GrainOf(consumerOptions)),
        _runtime,
        loggers.CreateLogger<GroupCheckpoints>());

    /// <summary>The grain that has a queue for this silo.</summary>
    private Func<MessageQueue, GrainId> GrainOf(ConsumerOptions consumerOptions)
    {
        var (group, instance) = (consumerOptions.Group, InstanceOf(consumerOptions));
        return queue => QueueGrainKey.GrainOf(group, queue, instance);
    }

    private string? InstanceOf(ConsumerOptions consumerOptions)
        => consumerOptions.MessageModel == MessageModel.Broadcasting ? silo.Name : null;

    private IOffsetStore OffsetsOf(ConsumerOptions consumerOptions, IOffsetBroker brokers, IRoutes routes, GroupStatistics statistics)
    {
        var metrics = new OffsetStoreMetrics(time, statistics.CountCommitFailure);
        return consumerOptions.MessageModel == MessageModel.Broadcasting
            ? new GrainOffsetStore(StateStorage.Find(services), consumerOptions.Group, silo.Name, QueueGrainKey.GrainType, time)
            {
                Metrics = metrics,
            }
            : new BrokerOffsetStore(brokers, routes, consumerOptions, metrics);
    }

    private IQueueDispatcher DispatcherOf(ConsumerOptions consumerOptions, RetryPublisher retry, ILoggerFactory log)
    {
        var listener = listenerClasses.Resolve(consumerOptions.Group, consumerOptions.Listener!);
        var listeners = new GrainListeners(
            grains,
            listener,
            consumerOptions.Group,
            silo.SiloAddress,
            InstanceOf(consumerOptions),
            renewals,
            ReadingsOf(consumerOptions.Group));
        return listener.Kind switch
        {
            ListenerKind.Concurrent => (IQueueDispatcher)new ConcurrentDispatcher(
                consumerOptions, listeners, retry, _runtime, log.CreateLogger<ConcurrentDispatcher>())
            {
                AreLeased = listener.IsLeased,
            },
            ListenerKind.Orderly => new OrderlyDispatcher(
                consumerOptions,
                listeners,
                retry,
                QueueRecords.Failures(StateStorage.Find(services), GrainOf(consumerOptions)),
                _runtime,
                log.CreateLogger<OrderlyDispatcher>()),
            ListenerKind.KeyOrdered => new KeyOrderedDispatcher(
                consumerOptions, listeners, retry, _runtime, log.CreateLogger<KeyOrderedDispatcher>()),
            _ => throw new NotSupportedException($"No dispatcher for {listener.Kind} listeners."),
        };
    }

    private Func<MessageQueue, QueueReading> ReadingsOf(string group)
        => queue => registry.Find(group)?.Flow.Cluster?.ReadingOf(queue) ?? default;

    private QueueLocks? LocksOf(IQueueDispatcher dispatcher, ConsumerOptions consumerOptions, Lockers lockers)
        => dispatcher is OrderlyDispatcher && consumerOptions.MessageModel == MessageModel.Clustering
            ? new QueueLocks(consumerOptions, lockers, DeadMembers, _runtime, loggers.CreateLogger<QueueLocks>())
            : null;

    // Really dead: a silo that leaves still works on its queues.
    private IEnumerable<string> DeadMembers() => membership.CurrentSnapshot.Members.Values
        .Where(member => member.Status == SiloStatus.Dead)
        .Select(member => ClientIdentity.Of(member.SiloAddress, options.Value.UnitName));
}
