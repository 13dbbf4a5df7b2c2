using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans;
using Orleans.Runtime;
using OrleansRocketMQ.Admin;
using OrleansRocketMQ.Allocation;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Connections;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Dispatch;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.Statistics;
using OrleansRocketMQ.Tracing;

namespace OrleansRocketMQ.Hosting;

/// <summary>
/// Starts and stops everything of RocketMQ on a silo in the right order. Start, when the silo is active: clients, then
/// groups, then their shepherds. Stop, before any grain is deactivated: shepherds, then queues (no more pulls, listeners
/// finish, offsets are committed). The clients leave the brokers after the grains are gone, so that no other member
/// takes over a queue that still works here.
/// </summary>
internal sealed class RocketMQSilo(
    ConsumerSet consumerSet,
    ConsumerRegistry registry,
    ListenerClasses listenerClasses,
    IGrainFactory grains,
    IClusterMembershipService membership,
    ILocalSiloDetails silo,
    IOptions<RocketMQOptions> options,
    IAllocateStrategy strategy,
    AdminRequests admin,
    IEnumerable<IMessageDecompressor> decompressors,
    TimeProvider time,
    ILoggerFactory loggers) : ILifecycleParticipant<ISiloLifecycle>
{
    private readonly Dictionary<string, RocketMQClient> _clients = new(StringComparer.Ordinal);
    private readonly List<QueueShepherd> _shepherds = [];

    public void Participate(ISiloLifecycle lifecycle)
    {
        lifecycle.Subscribe(nameof(RocketMQSilo) + ".Clients", ServiceLifecycleStage.ApplicationServices, _ => Task.CompletedTask, _ => LeaveAsync());
        lifecycle.Subscribe(nameof(RocketMQSilo), ServiceLifecycleStage.Active, _ => StartAsync(), _ => DrainAsync());
    }

    private Task StartAsync()
    {
        foreach (var consumerOptions in consumerSet.All)
        {
            var client = ClientOf(consumerOptions.NameServer ?? options.Value.NameServer);
            var consumer = Create(consumerOptions, client);
            registry.Add(consumer);
            consumer.Start();
            var shepherd = new QueueShepherd(
                consumer, strategy, grains, membership, silo.SiloAddress, options.Value, time, loggers.CreateLogger<QueueShepherd>());
            _shepherds.Add(shepherd);
            shepherd.Start();
        }

        return Task.CompletedTask;
    }

    private async Task DrainAsync()
    {
        await Task.WhenAll(_shepherds.Select(shepherd => shepherd.StopAsync()));
        await Task.WhenAll(_shepherds.Select(shepherd => shepherd.HandOverAsync()));
        await Task.WhenAll(registry.All.Select(consumer => consumer.StopAsync(options.Value.ShutdownTimeout)));
    }

    private async Task LeaveAsync()
    {
        await Task.WhenAll(registry.All.Select(consumer => consumer.Client.UnregisterConsumerAsync(consumer.Group)));
        foreach (var client in _clients.Values)
        {
            await client.DisposeAsync();
        }
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
                    ClientId = ClientIdentity.Of(silo.SiloAddress),
                    Remoting = new RemotingOptions { RequestTimeout = options.Value.RequestTimeout },
                    PollNameServerInterval = options.Value.PollNameServerInterval,
                    HeartbeatInterval = options.Value.HeartbeatInterval,
                    UseHeartbeatV2 = options.Value.UseHeartbeatV2,
                    DecoderOptions = new MessageDecoderOptions
                    {
                        Decompressors = new MessageDecompressors(decompressors),
                        CheckCrc = options.Value.CheckCrc,
                    },
                },
                loggers,
                time);
            admin.AnswerOn(client);
            client.Start();
        }

        return client;
    }

    // The group under which Java's client sends what it could not hand back.
    private Producer ProducerOf(RocketMQClient client) => new(client, new ProducerOptions { Group = "CLIENT_INNER_PRODUCER" }, loggers);

    private GroupConsumer Create(ConsumerOptions consumerOptions, RocketMQClient client)
    {
        var statistics = new GroupStatistics(time);
        var version = time.GetUtcNow().ToUnixTimeMilliseconds();
        var retry = new RetryRouter(client, ProducerOf(client), consumerOptions, loggers.CreateLogger<RetryRouter>());
        var subscriptions = new SubscriptionTable(consumerOptions.Group, consumerOptions.Subscriptions, version);
        var dispatcher = DispatcherOf(consumerOptions, retry, statistics);
        return new GroupConsumer(consumerOptions, client, subscriptions, dispatcher, statistics, time, loggers)
        {
            Trace = consumerOptions.MessageTrace ? TraceOf(consumerOptions, client) : null,
        };
    }

    private MessageTrace TraceOf(ConsumerOptions consumerOptions, RocketMQClient client) => new(
        consumerOptions.Group,
        consumerOptions.MessageTraceTopic,
        () => new Producer(client, new ProducerOptions { Group = $"_INNER_TRACE_PRODUCER-{consumerOptions.Group}-CONSUME" }, loggers),
        time,
        loggers.CreateLogger<MessageTrace>());

    private IQueueDispatcher DispatcherOf(ConsumerOptions consumerOptions, RetryRouter retry, GroupStatistics statistics)
    {
        var listener = listenerClasses.Resolve(consumerOptions.Group, consumerOptions.Listener!);
        return listener.Kind switch
        {
            ListenerKind.Concurrent => (IQueueDispatcher)new ConcurrentDispatcher(
                consumerOptions, new ListenerGrains(grains, listener.GrainType, silo.SiloAddress), retry, statistics, time, loggers.CreateLogger<ConcurrentDispatcher>()),
            _ => throw new NotSupportedException($"No dispatcher for {listener.Kind} listeners."),
        };
    }
}
