using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Testing;

namespace OrleansRocketMQ.Conformance;

/// <summary>
/// The RocketMQ cluster all tests of this project run against: the one of <c>ROCKETMQ_NAMESRV_ADDR</c>, whatever brokers it
/// has, or the embedded one when that is not set, with as many brokers as <c>ROCKETMQ_TEST_BROKERS</c> says. Tests use names
/// of their own and leave other people's topics alone.
/// </summary>
public class RocketMQCluster : IAsyncLifetime
{
    private static int s_names;
    private readonly int _brokers;
    private int _topics;
    private EmbeddedDefault? _embedded;
    private RocketMQClient? _client;
    private Producer? _producer;

    public RocketMQCluster()
        : this(EmbeddedDefault.WantedBrokers())
    {
    }

    private protected RocketMQCluster(int brokers) => _brokers = brokers;

    public string NameServer { get; private set; } = string.Empty;

    internal RocketMQClient Client => _client!;

    internal Producer Producer => _producer!;

    public async Task InitializeAsync()
    {
        var external = Environment.GetEnvironmentVariable("ROCKETMQ_NAMESRV_ADDR");
        if (string.IsNullOrWhiteSpace(external))
        {
            _embedded = await EmbeddedDefault.StartAsync(_brokers);
            external = _embedded.NameServer;
        }

        NameServer = external;
        _client = PatientClients.Start(NameServer, $"127.0.0.1@conformance#{Environment.ProcessId}");
        _producer = PatientClients.Producer(_client, "conformance_producer");
    }

    public async Task DisposeAsync()
    {
        await Producer.DisposeAsync();
        await Client.DisposeAsync();
        if (_embedded is not null)
        {
            await _embedded.DisposeAsync();
        }
    }

    /// <summary>A name nobody has used before.</summary>
    internal static string NewName(string kind)
        => $"conf_{kind}_{Environment.ProcessId}_{DateTimeOffset.UtcNow.ToUnixTimeMilliseconds()}_{Interlocked.Increment(ref s_names)}";

    /// <summary>
    /// Makes a topic through the protocol, with that many queues in all, spread over the brokers as evenly as they go; which
    /// broker has the first of them differs from topic to topic. Waits until the name server tells of it.
    /// </summary>
    internal async Task<string> CreateTopicAsync(int queues = 4, string? topic = null)
    {
        topic ??= NewName("topic");
        var masters = await MastersAsync();
        var first = Interlocked.Increment(ref _topics);
        for (var index = 0; index < Math.Min(queues, masters.Count); index++)
        {
            var share = (queues / masters.Count) + (index < queues % masters.Count ? 1 : 0);
            await Client.Brokers.CreateTopicAsync(masters[(first + index) % masters.Count], topic, share);
        }

        await Eventually.TrueAsync(
            async () =>
            {
                try
                {
                    return (await Client.Routes.RefreshAsync(topic)).ReadQueues.Count == queues;
                }
                catch (TopicNotFoundException)
                {
                    return false;
                }
            },
            $"a route to {topic}");
        return topic;
    }

    /// <summary>Sends texts one after the other.</summary>
    internal async Task SendAsync(string topic, IEnumerable<string> bodies, Action<Message>? prepare = null)
    {
        foreach (var body in bodies)
        {
            var message = new Message(topic, Encoding.UTF8.GetBytes(body));
            prepare?.Invoke(message);
            await Producer.SendAsync(message);
        }
    }

    /// <summary>Where the brokers are that take messages.</summary>
    internal async Task<IReadOnlyList<string>> MastersAsync()
    {
        var cluster = await Client.NameServer.GetClusterInfoAsync();
        return
        [
            .. cluster.BrokerAddrTable.Values
                .OrderBy(broker => broker.BrokerName, StringComparer.Ordinal)
                .Where(broker => broker.BrokerAddrs.ContainsKey(BrokerData.MasterId))
                .Select(broker => broker.BrokerAddrs[BrokerData.MasterId]),
        ];
    }

    /// <summary>Where the brokers are that have queues of a topic.</summary>
    internal async Task<IReadOnlyList<string>> MastersOfAsync(string topic)
        => [.. (await Client.Routes.GetAsync(topic)).ReadQueues.Select(MasterOf).Distinct()];

    internal string MasterOf(MessageQueue queue) => Client.Routes.FindAddressOf(queue)!.Value.Address;

    /// <summary>All messages a topic holds, read without a group's offsets; none when it does not exist.</summary>
    internal async Task<IReadOnlyList<MessageExt>> ReadAllAsync(string topic)
    {
        TopicRoute route;
        try
        {
            route = await Client.Routes.RefreshAsync(topic);
        }
        catch (TopicNotFoundException)
        {
            return [];
        }

        var messages = new List<MessageExt>();
        foreach (var queue in route.ReadQueues)
        {
            var offset = await Client.Brokers.GetMinOffsetAsync(MasterOf(queue), queue);
            PullResult result;
            do
            {
                var request = new PullRequest("CID_RMQ_SYS_CONFORMANCE", queue, offset)
                {
                    Expression = MessageSelector.AllTags,
                    SuspendTimeout = TimeSpan.Zero,
                };
                result = await Client.Brokers.PullAsync(MasterOf(queue), request);
                result.Decode(messages, queue.BrokerName);
                offset = result.NextBeginOffset;
            }
            while (result.Status == PullStatus.Found);
        }

        return messages;
    }

    /// <summary>What the brokers have stored as a group's progress, summed over a topic's queues.</summary>
    internal async Task<long> CommittedAsync(string group, string topic)
    {
        var committed = 0L;
        foreach (var queue in (await Client.Routes.GetAsync(topic)).ReadQueues)
        {
            committed += await Client.Brokers.QueryConsumerOffsetAsync(MasterOf(queue), group, queue, setZeroIfNotFound: false) ?? 0;
        }

        return committed;
    }

    internal async Task<IReadOnlyList<string>> MembersAsync(string group, string topic)
        => await Client.Brokers.GetConsumerIdsAsync(MasterOf((await Client.Routes.GetAsync(topic)).ReadQueues[0]), group);
}

/// <summary>
/// A cluster of two brokers when none is named, for the tests that count queues or ask a broker: what is true of one broker
/// may be false of two.
/// </summary>
public sealed class TwoBrokerCluster() : RocketMQCluster(brokers: 2);

/// <summary>Shares the cluster among the test classes; they run one after the other.</summary>
[CollectionDefinition(Name)]
public sealed class RocketMQCollection : ICollectionFixture<RocketMQCluster>
{
    public const string Name = "RocketMQ cluster";
}

/// <summary>Shares the cluster of two brokers.</summary>
[CollectionDefinition(Name)]
public sealed class TwoBrokerCollection : ICollectionFixture<TwoBrokerCluster>
{
    public const string Name = "RocketMQ cluster of two brokers";
}
