using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans;
using Orleans.Runtime;
using OrleansRocketMQ.Allocation;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Connections;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Dispatch;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.Statistics;
using OrleansRocketMQ.Subscriptions;

namespace OrleansRocketMQ.Hosting;

/// <summary>
/// Starts and stops everything of RocketMQ on a silo in the right order. Start, when the silo is active: clients, then
/// groups, then their shepherds. Stop, before any grain is deactivated: shepherds, then queues (no more pulls, listeners
/// finish, offsets are committed). The clients leave the brokers after the grains are gone, so that no other member
/// takes over a queue that still works here.
/// </summary>
internal sealed class RocketMQSilo(
    RocketMQConsumers consumers,
    ConsumerRegistry registry,
    ListenerClasses listenerClasses,
    IGrainFactory grains,
    IClusterMembershipService membership,
    ILocalSiloDetails silo,
    IOptions<RocketMQOptions> options,
    AllocateStrategies strategies,
    IEnumerable<IMessageDecompressor> decompressors,
    TimeProvider time,
    ILoggerFactory loggers) : ILifecycleParticipant<ISiloLifecycle>
{
    private readonly Dictionary<string, RocketMQClient> _clients = new(StringComparer.Ordinal);
    private readonly Dictionary<RocketMQClient, Producer> _producers = [];

    public void Participate(ISiloLifecycle lifecycle)
    {
        lifecycle.Subscribe(nameof(RocketMQSilo) + ".Clients", ServiceLifecycleStage.ApplicationServices, _ => Task.CompletedTask, _ => LeaveAsync());
        lifecycle.Subscribe(nameof(RocketMQSilo), ServiceLifecycleStage.Active, _ => StartAsync(), _ => DrainAsync());
    }

    private Task StartAsync()
    {
        foreach (var control in consumers.Controls)
        {
            // Here, while nobody else is about: later starts only look them up.
            var client = ClientOf(control.Options.NameServer ?? options.Value.NameServer);
            var producer = ProducerOf(client);
            var link = new SubscriptionLink(control.Group, control.Book, grains, silo.SiloAddress, options.Value, time, loggers.CreateLogger<SubscriptionLink>());
            control.Open(link, () => CreateRun(control, client, producer));
        }

        return Task.CompletedTask;
    }

    private Task DrainAsync() => Task.WhenAll(consumers.Controls.Select(control => control.CloseAsync()));

    private async Task LeaveAsync()
    {
        await Task.WhenAll(consumers.Controls.Select(control => control.LeaveAsync()));
        foreach (var client in _clients.Values)
        {
            await client.DisposeAsync();
        }
    }

    private ConsumerRun CreateRun(ConsumerControl control, RocketMQClient client, Producer producer)
    {
        var consumer = Create(control.Options, client, producer, control.Statistics);
        var shepherd = new QueueShepherd(
            consumer, strategies.Resolve(control.Options), grains, membership, silo.SiloAddress, options.Value, time, loggers.CreateLogger<QueueShepherd>());
        return new ConsumerRun(consumer, shepherd, control.Book, registry, options.Value, loggers.CreateLogger<ConsumerRun>());
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
                    DecoderOptions = new MessageDecoderOptions
                    {
                        Decompressors = new MessageDecompressors(decompressors),
                        CheckCrc = options.Value.CheckCrc,
                    },
                },
                loggers,
                time);
            client.Start();
        }

        return client;
    }

    // The group under which Java's client sends what it could not hand back.
    private Producer ProducerOf(RocketMQClient client)
    {
        if (!_producers.TryGetValue(client, out var producer))
        {
            producer = _producers[client] = new(client, new ProducerOptions { Group = "CLIENT_INNER_PRODUCER" }, loggers);
        }

        return producer;
    }

    private GroupConsumer Create(ConsumerOptions consumerOptions, RocketMQClient client, Producer producer, GroupStatistics statistics)
    {
        var version = time.GetUtcNow().ToUnixTimeMilliseconds();
        var retry = new RetryRouter(client, producer, consumerOptions, loggers.CreateLogger<RetryRouter>());
        var subscriptions = new SubscriptionTable(consumerOptions.Group, consumerOptions.Subscriptions, version);
        var dispatcher = DispatcherOf(consumerOptions, retry, statistics);
        return new GroupConsumer(consumerOptions, client, subscriptions, dispatcher, statistics, time, loggers);
    }

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
