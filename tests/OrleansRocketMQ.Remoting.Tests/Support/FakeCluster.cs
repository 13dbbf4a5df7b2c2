using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Connections;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Tests.Support;

/// <summary>A name server with a table of routes, and brokers that say yes to everything unless told otherwise.</summary>
internal sealed class FakeCluster : IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, TopicRouteData> _routes = new();

    public FakeCluster() => NameServer = ScriptedPeer.Answering(AnswerRoute);

    public ScriptedPeer NameServer { get; }

    public List<ScriptedPeer> Brokers { get; } = [];

    /// <summary>Whether the name server leaves requests unanswered.</summary>
    public bool NameServerHangs { get; set; }

    public ScriptedPeer AddBroker(Func<RemotingCommand, RemotingCommand?>? answer = null)
    {
        var broker = ScriptedPeer.Answering(request => (answer ?? (static _ => null))(request) ?? RemotingCommand.Response(request, ResponseCodes.Success));
        Brokers.Add(broker);
        return broker;
    }

    public void SetRoute(string topic, TopicRouteData route) => _routes[topic] = route;

    public void RemoveRoute(string topic) => _routes.TryRemove(topic, out _);

    public void SetRoute(string topic, int queues, params (string Name, long Id, string Address)[] members) => SetRoute(topic, RouteOf(queues, members));

    public static TopicRouteData RouteOf(int queues, params (string Name, long Id, string Address)[] members) => new()
    {
        BrokerDatas = [.. members.GroupBy(member => member.Name).Select(set => new BrokerData
        {
            BrokerName = set.Key,
            Cluster = "C",
            BrokerAddrs = set.ToDictionary(member => member.Id, member => member.Address),
        })],
        QueueDatas = [.. members.Select(member => member.Name).Distinct().Select(name => new QueueData
        {
            BrokerName = name,
            Perm = QueueData.ReadPermission | QueueData.WritePermission,
            ReadQueueNums = queues,
            WriteQueueNums = queues,
        })],
    };

    public RocketMQClientOptions ClientOptions(string clientId = "127.0.0.1@test") => new()
    {
        NameServerAddresses = [NameServer.Address],
        ClientId = clientId,
        Remoting = new RemotingOptions { ReconnectBackoff = TimeSpan.FromMilliseconds(10), MaxReconnectBackoff = TimeSpan.FromMilliseconds(50) },
    };

    public RocketMQClient NewClient(ILoggerFactory? log = null, TimeProvider? time = null) => new(ClientOptions(), log ?? new TestLog(), time);

    public async ValueTask DisposeAsync()
    {
        await NameServer.DisposeAsync();
        foreach (var broker in Brokers)
        {
            await broker.DisposeAsync();
        }
    }

    private RemotingCommand? AnswerRoute(RemotingCommand request)
    {
        if (NameServerHangs)
        {
            return null;
        }

        return _routes.TryGetValue(request.GetRequired("topic"), out var route)
            ? RemotingCommand.Response(request, ResponseCodes.Success, body: JsonSerializer.SerializeToUtf8Bytes(route, ProtocolJson.Default.TopicRouteData))
            : RemotingCommand.Response(request, ResponseCodes.TopicNotExist, "no route");
    }
}
