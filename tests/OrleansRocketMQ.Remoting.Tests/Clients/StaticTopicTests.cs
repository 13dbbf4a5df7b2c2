using System.Text;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests.Clients;

/// <summary>Routes of topics that <c>mqadmin updateStaticTopic</c> made: the ids of their queues are not those brokers have.</summary>
public sealed class StaticTopicTests : IAsyncLifetime
{
    private const string Static = "S";

    private readonly FakeCluster _cluster = new();
    private readonly TestLog _log = new();
    private readonly RocketMQClient _client;

    public StaticTopicTests()
    {
        _client = _cluster.NewClient(_log);
        var broker = _cluster.AddBroker();
        _cluster.SetRoute(Static, RouteOfStatic(broker.Address));
        _cluster.SetRoute("T", 1, ("broker-a", 0, broker.Address));
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await _client.DisposeAsync();
        await _cluster.DisposeAsync();
    }

    [Fact]
    public async Task A_static_topic_is_refused_by_its_name_wherever_its_route_is_asked_for()
    {
        await AssertRefusedAsync(() => _client.NameServer.GetRouteAsync(Static));
        await AssertRefusedAsync(() => _client.Routes.GetAsync(Static).AsTask());
        await AssertRefusedAsync(() => _client.Routes.RefreshAsync(Static));
        await using var producer = new Producer(_client, new ProducerOptions { Group = "p" }, _log);
        await AssertRefusedAsync(() => producer.SendAsync(new Message(Static, "x"u8.ToArray())));
        Assert.Null(_client.Routes.Find(Static));
        Assert.Empty(_client.NameServer.Unreachable);
    }

    [Fact]
    public async Task A_static_topic_among_others_is_told_of_once_and_holds_up_none_of_them()
    {
        _client.Routes.Watch(Static);
        _client.Routes.Watch("T");
        await _client.Routes.RefreshAsync().InTime();
        await _client.Routes.RefreshAsync().InTime();
        Assert.Single(_client.Routes.Find("T")!.ReadQueues);
        Assert.IsType<StaticTopicException>(_client.Routes.FailureOf(Static));
        Assert.Null(_client.Routes.FailureOf("T"));
        Assert.Single(_log.Entries, entry => entry.Level == LogLevel.Error && entry.Text.Contains($"'{Static}'", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_topic_that_is_made_anew_as_an_ordinary_one_is_used()
    {
        _client.Routes.Watch(Static);
        await _client.Routes.RefreshAsync().InTime();
        _cluster.SetRoute(Static, 3, ("broker-a", 0, "h:1"));
        await _client.Routes.RefreshAsync().InTime();
        Assert.Equal(3, _client.Routes.Find(Static)!.ReadQueues.Count);
        Assert.Null(_client.Routes.FailureOf(Static));
    }

    // As name servers of 5.x write it, with numbers as bare keys.
    private static TopicRouteData RouteOfStatic(string address) => TolerantJson.Read(
        Encoding.UTF8.GetBytes($$$$"""
            {"brokerDatas":[{"brokerAddrs":{0:"{{{{address}}}}"},"brokerName":"broker-a","cluster":"C","enableActingMaster":false}],"filterServerTable":{},
            "queueDatas":[{"brokerName":"broker-a","perm":6,"readQueueNums":2,"topicSysFlag":0,"writeQueueNums":2}],
            "topicQueueMappingByBroker":{"broker-a":{"bname":"broker-a","currIdMap":{0:0,3:1},"dirty":false,"epoch":1700000000000,"scope":"__global__","topic":"S","totalQueues":4}}}
            """),
        ProtocolJson.Default.TopicRouteData);

    private static async Task AssertRefusedAsync(Func<Task> ask)
    {
        var refused = await Assert.ThrowsAsync<StaticTopicException>(() => ask().InTime());
        Assert.Equal((Static, RocketMQErrorCode.UnsupportedTopic), (refused.Topic, refused.Code));
        Assert.Contains("static topics (logical queues) are not supported yet", refused.Message, StringComparison.Ordinal);
    }
}
