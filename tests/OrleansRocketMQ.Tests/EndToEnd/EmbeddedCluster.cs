using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.Testing;

namespace OrleansRocketMQ.Tests.EndToEnd;

/// <summary>A broker of the test's own, whose faults the test decides, and a producer.</summary>
internal sealed class EmbeddedCluster : IAsyncDisposable
{
    public const string Topic = "T";

    private readonly RocketMQClient _client;
    private readonly Producer _producer;

    private EmbeddedCluster(EmbeddedRocketMQ rocketmq)
    {
        RocketMQ = rocketmq;
        _client = new RocketMQClient(
            new RocketMQClientOptions { NameServerAddresses = [rocketmq.NameServerAddress], ClientId = "127.0.0.1@producer" },
            NullLoggerFactory.Instance);
        _client.Start();
        _producer = new Producer(_client, new ProducerOptions { Group = "P", RetryTimes = 20, SendTimeout = TimeSpan.FromSeconds(30) }, NullLoggerFactory.Instance);
    }

    /// <summary>Of this test alone: what listeners do is kept by group, and tests run side by side.</summary>
    public string Group { get; } = $"G-{Guid.NewGuid():N}";

    public EmbeddedRocketMQ RocketMQ { get; }

    public EmbeddedBroker Broker => RocketMQ.Broker;

    public string NameServer => RocketMQ.NameServerAddress;

    /// <summary>Retries come after 50 ms whatever the level, so that no test waits for them.</summary>
    public static async Task<EmbeddedCluster> StartAsync(int queues = 2)
    {
        var cluster = new EmbeddedCluster(await EmbeddedRocketMQ.StartAsync(new EmbeddedRocketMQOptions
        {
            MessageDelayLevels = string.Join(' ', Enumerable.Repeat("50ms", 18)),
        }));
        cluster.RocketMQ.CreateTopic(Topic, queues);
        return cluster;
    }

    public async Task SendAsync(int count, int bodyLength = 0)
    {
        for (var number = 0; number < count; number++)
        {
            await _producer.SendAsync(new Message(Topic, Encoding.UTF8.GetBytes(number.ToString("0000").PadRight(bodyLength))));
        }
    }

    public long Committed() => Enumerable.Range(0, Broker.QueueCount(Topic)).Sum(queue => Broker.CommittedOffset(Group, Topic, queue) ?? 0);

    /// <summary>Waits until everything up to the topic's end is committed.</summary>
    public Task UntilCommittedAsync(long count) => Eventually.TrueAsync(() => Committed() == count, () => $"{count} committed; it is {Committed()}");

    public async ValueTask DisposeAsync()
    {
        await _producer.DisposeAsync();
        await _client.DisposeAsync();
        await RocketMQ.DisposeAsync();
    }
}
