using System.Buffers.Binary;
using System.Diagnostics;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Orleans.Hosting;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.Testing;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>One silo with a healthy group and one with a fault, or with none.</summary>
internal static class HostileRun
{
    public const int Backlog = 100_000;
    public const int Rate = 500;
    private const string HealthyTopic = "healthy";
    private const string HostileTopic = "hostile_listeners";
    private const int Queues = 8;
    private const int HostileMessages = 2000;
    private const int BodyLength = 256;
    private const int SendsAtOnce = 64;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    public static async Task<int> RunAsync(Arguments arguments, string fault)
    {
        await using var client = Cluster.Connect(arguments.NameServer);
        await Cluster.CreateTopicAsync(client, HealthyTopic, Queues);
        await Cluster.CreateTopicAsync(client, HostileTopic, Queues);
        await using var producer = new Producer(client, new ProducerOptions { Group = "benchmark", SendTimeout = TimeSpan.FromSeconds(30) }, NullLoggerFactory.Instance);
        await FillAsync(producer, HealthyTopic, Backlog);
        await FillAsync(producer, HostileTopic, HostileMessages);
        await using var broker = new HostileBroker(fault);
        var isPeer = fault == HostileBroker.Behaves || HostileBroker.Faults.Contains(fault);
        var listeners = new HostileListeners(isPeer ? HostileListeners.Behaves : fault);
        var healthy = new HealthyNeighbour();
        using var host = Build(arguments.NameServer, healthy, listeners, isPeer ? broker.Address : null);
        await host.StartAsync();

        await healthy.UntilAsync(Backlog, Patience);
        var perSecond = healthy.PerSecond;
        var sent = await SendSteadilyAsync(producer, TimeSpan.FromSeconds(arguments.Number("seconds", 10)));
        await healthy.UntilAsync(Backlog + sent, Patience);
        var figures = new HostileFigures(perSecond, healthy.At99(), Backlog + sent - healthy.Count, isPeer ? broker.Struck : listeners.Struck);

        // What a hostile listener holds is not waited for.
        Console.WriteLine(figures);
        Environment.Exit(0);
        return 0;
    }

    private static IHost Build(string nameServer, HealthyNeighbour healthy, HostileListeners listeners, string? hostilePeer)
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders();
        var ports = FreePorts.Take(2);
        builder.UseOrleans(silo => silo.UseLocalhostClustering(ports[0], ports[1]).AddRocketMQ(rocketmq =>
        {
            rocketmq.UseNameServer(nameServer).AddConsumer("healthy", consumer => consumer
                .Subscribe(HealthyTopic)
                .Handle((message, _) => healthy.Take(message))
                .Configure(options => options.ConsumeFromWhere = ConsumeFromWhere.FirstOffset));
            listeners.AddTo(rocketmq, "hostile", HostileTopic);
            if (hostilePeer is not null)
            {
                rocketmq.AddConsumer("hostile_peer", consumer => consumer
                    .Subscribe(HostileBroker.Topic)
                    .Handle((_, _) => Task.CompletedTask)
                    .Configure(options => options.NameServer = hostilePeer));
            }
        }));
        return builder.Build();
    }

    private static Task FillAsync(Producer producer, string topic, int count) => Parallel.ForAsync(
        0,
        count,
        new ParallelOptions { MaxDegreeOfParallelism = SendsAtOnce },
        async (_, token) => await producer.SendAsync(new Message(topic, new byte[BodyLength]), token));

    private static async Task<int> SendSteadilyAsync(Producer producer, TimeSpan time)
    {
        var begun = Stopwatch.GetTimestamp();
        var sends = new List<Task>();
        while (Stopwatch.GetElapsedTime(begun) < time)
        {
            var due = (int)(Stopwatch.GetElapsedTime(begun).TotalSeconds * Rate);
            while (sends.Count < due)
            {
                var body = new byte[BodyLength];
                BinaryPrimitives.WriteInt64LittleEndian(body, Stopwatch.GetTimestamp());
                sends.Add(producer.SendAsync(new Message(HealthyTopic, body)));
            }

            await Task.Delay(TimeSpan.FromMilliseconds(5));
        }

        await Task.WhenAll(sends);
        return sends.Count;
    }
}

/// <summary>What the healthy group has got: a backlog, whose bodies tell no time, and then messages that do.</summary>
internal sealed class HealthyNeighbour
{
    private readonly Lock _gate = new();
    private readonly HashSet<(int Queue, long Offset)> _seen = [];
    private readonly List<double> _latencies = [];
    private long _first;
    private long _last;
    private int _backlog;

    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _backlog + _latencies.Count;
            }
        }
    }

    public double PerSecond
    {
        get
        {
            lock (_gate)
            {
                return _backlog / Stopwatch.GetElapsedTime(_first, _last).TotalSeconds;
            }
        }
    }

    public Task Take(MessageExt message)
    {
        var now = Stopwatch.GetTimestamp();
        var sent = BinaryPrimitives.ReadInt64LittleEndian(message.Body.Span);
        lock (_gate)
        {
            if (!_seen.Add((message.QueueId, message.QueueOffset)))
            {
                // One that comes again takes the place of none that is lost.
                return Task.CompletedTask;
            }

            if (sent != 0)
            {
                _latencies.Add(Stopwatch.GetElapsedTime(sent, now).TotalMilliseconds);
            }
            else
            {
                _first = _backlog++ == 0 ? now : _first;
                _last = now;
            }
        }

        return Task.CompletedTask;
    }

    public double At99()
    {
        lock (_gate)
        {
            var sorted = _latencies.Order().ToArray();
            return sorted.Length == 0 ? double.PositiveInfinity : sorted[(int)(sorted.Length * 0.99)];
        }
    }

    /// <summary>Waits until so many have come, but no longer than is reasonable: what does not come is told as lost.</summary>
    public async Task UntilAsync(int count, TimeSpan patience)
    {
        for (var begun = Stopwatch.GetTimestamp(); Count < count && Stopwatch.GetElapsedTime(begun) < patience;)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(20));
        }
    }
}
