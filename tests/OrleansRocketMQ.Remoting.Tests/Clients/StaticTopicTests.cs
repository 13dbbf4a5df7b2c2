using System.Net;
using System.Text;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Framing;
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
    private readonly string _a;
    private readonly string _b;

    public StaticTopicTests()
    {
        _client = _cluster.NewClient(_log);
        _a = _cluster.AddBroker(request => Refuses(request, "broker-a")).Address;
        _b = _cluster.AddBroker(request => Refuses(request, "broker-b")).Address;
    }

    /// <summary>The broker that takes requests; null: none does.</summary>
    private string? Leader { get; set; } = "broker-a";

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await _client.DisposeAsync();
        await _cluster.DisposeAsync();
    }

    [Fact]
    public async Task The_queues_of_a_static_topic_are_its_logical_ones_also_those_nobody_leads()
    {
        SetRoute(("broker-a", 1, "0:0,3:1"), ("broker-b", 1, "1:7"));

        var route = await _client.Routes.GetAsync(Static).AsTask().InTime();

        Assert.Equal(Enumerable.Range(0, 4).Select(Queue), route.ReadQueues);
        Assert.Equal(route.ReadQueues, route.WriteQueues);
        Assert.Equal(["broker-a", "broker-b", null, "broker-a"], route.ReadQueues.Select(route.BrokerOf));
        Assert.Equal(new BrokerAddress("broker-b", 0, _b), _client.Routes.FindAddressOf(Queue(1), brokerId: 1));
        Assert.Null(_client.Routes.FindAddressOf(Queue(2)));
        Assert.Null(_client.Routes.FindAddress(Queue(0).BrokerName));
        Assert.All(route.ReadQueues, queue => Assert.True(queue.IsLogical));
    }

    [Fact]
    public async Task While_a_queue_moves_the_broker_with_the_newer_mapping_leads_it()
    {
        SetRoute(("broker-a", 2, "0:0"), ("broker-b", 1, "0:5"));
        Assert.Equal("broker-a", (await _client.Routes.GetAsync(Static).AsTask().InTime()).BrokerOf(Queue(0)));
        var changes = 0;
        _client.Routes.Changed += _ => changes++;

        SetRoute(("broker-a", 2, "0:0"), ("broker-b", 3, "0:5"));
        Assert.Equal("broker-b", (await _client.Routes.RefreshAsync(Static).InTime()).BrokerOf(Queue(0)));
        await _client.Routes.RefreshAsync(Static).InTime();
        Assert.Equal(1, changes);
    }

    [Fact]
    public async Task A_scope_of_its_own_has_queues_of_its_own()
    {
        SetRoute(("broker-a", 1, "0:0"));
        var json = Route(("broker-a", 1, "0:0")).Replace("__global__", "mine", StringComparison.Ordinal);
        _cluster.SetRoute(Static, TolerantJson.Read(Encoding.UTF8.GetBytes(json), ProtocolJson.Default.TopicRouteData));

        Assert.Equal("__syslo__mine", (await _client.Routes.RefreshAsync(Static).InTime()).ReadQueues[0].BrokerName);
    }

    [Fact]
    public async Task A_topic_that_is_made_anew_as_an_ordinary_one_is_used()
    {
        SetRoute(("broker-a", 1, "0:0"));
        await _client.Routes.GetAsync(Static).AsTask().InTime();
        _cluster.SetRoute(Static, 3, ("broker-a", 0, "h:1"));
        await _client.Routes.RefreshAsync(Static).InTime();
        Assert.Equal(3, _client.Routes.Find(Static)!.ReadQueues.Count);
        Assert.DoesNotContain(_client.Routes.Find(Static)!.ReadQueues, queue => queue.IsLogical);
    }

    [Fact]
    public async Task A_send_refused_by_the_broker_that_led_the_queue_goes_to_the_new_one()
    {
        SetRoute(("broker-a", 1, "0:0"));
        await _client.Routes.GetAsync(Static).AsTask().InTime();
        await using var producer = new Producer(_client, new ProducerOptions { Group = "p" }, _log);
        Leader = "broker-b";
        SetRoute(("broker-a", 1, "0:0"), ("broker-b", 2, "0:1"));

        var sent = await producer.SendAsync(new Message(Static, "x"u8.ToArray()), Queue(0)).InTime();

        Assert.Equal((Queue(0), 20_000), (sent.Queue, sent.QueueOffset));
    }

    [Fact]
    public async Task Who_finds_no_leader_is_told_of_the_refusal()
    {
        SetRoute(("broker-a", 1, "0:0"));
        await _client.Routes.GetAsync(Static).AsTask().InTime();
        Leader = null;

        var refused = await Assert.ThrowsAsync<BrokerResponseException>(
            () => _client.Routes.AtLeaderAsync(Queue(0), broker => _client.Brokers.GetMaxOffsetAsync(broker, Queue(0))).InTime());

        Assert.Equal(ResponseCodes.NotLeaderForQueue, refused.ResponseCode);
    }

    [Fact]
    public void Records_of_a_logical_queue_get_its_id_and_offsets_up_to_a_broken_one()
    {
        var host = new IPEndPoint(IPAddress.Loopback, 1);
        var records = new[] { 3L, 4L }.SelectMany(offset => new StoredMessage
        {
            Topic = Static,
            QueueId = 9,
            QueueOffset = offset,
            Body = "x"u8.ToArray(),
            BornHost = host,
            StoreHost = host,
        }.Encode()).ToArray();
        byte[] cut = [.. records, .. new byte[] { 0, 0, 0, 40 }, .. new byte[30]];

        LogicalRecords.PutRight(cut, queueId: 2, offsetDelta: 10_000);

        var messages = MessageDecoder.DecodeAll(cut.AsMemory(0, records.Length), Queue(2).BrokerName);
        Assert.Equal([(2, 10_003L), (2, 10_004L)], messages.Select(message => (message.QueueId, message.QueueOffset)));
        Assert.Equal(new byte[30], cut[^30..]);
    }

    private static MessageQueue Queue(int id) => new(Static, "__syslo__global__", id);

    private RemotingCommand? Refuses(RemotingCommand request, string broker) => request.Code is RequestCodes.SendMessageV2 or RequestCodes.GetMaxOffset
        ? broker == Leader
            ? RemotingCommand.Response(request, ResponseCodes.Success).Set("msgId", "id").Set("queueId", 0).Set("queueOffset", 20_000)
            : RemotingCommand.Response(request, ResponseCodes.NotLeaderForQueue, "not the leader")
        : null;

    private void SetRoute(params (string Broker, long Epoch, string Ids)[] brokers)
        => _cluster.SetRoute(Static, TolerantJson.Read(Encoding.UTF8.GetBytes(Route(brokers)), ProtocolJson.Default.TopicRouteData));

    // As name servers of 5.x write it, with numbers as bare keys.
    private string Route(params (string Broker, long Epoch, string Ids)[] brokers)
    {
        var addresses = new[] { ("broker-a", _a), ("broker-b", _b) }.Select(broker =>
            $$$"""{"brokerAddrs":{0:"{{{broker.Item2}}}"},"brokerName":"{{{broker.Item1}}}","cluster":"C","enableActingMaster":false}""");
        var queues = brokers.Select(broker => $$"""{"brokerName":"{{broker.Broker}}","perm":6,"readQueueNums":2,"topicSysFlag":0,"writeQueueNums":2}""");
        var mappings = brokers.Select(broker =>
            $$$"""
            "{{{broker.Broker}}}":{"bname":"{{{broker.Broker}}}","currIdMap":{ {{{broker.Ids}}} },"dirty":false,"epoch":{{{broker.Epoch}}},"scope":"__global__","topic":"S","totalQueues":4}
            """);
        return $$$"""
            {"brokerDatas":[{{{string.Join(',', addresses)}}}],"filterServerTable":{},"queueDatas":[{{{string.Join(',', queues)}}}],
            "topicQueueMappingByBroker":{ {{{string.Join(',', mappings)}}} } }
            """;
    }
}
