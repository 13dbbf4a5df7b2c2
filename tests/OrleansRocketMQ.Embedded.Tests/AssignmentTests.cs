using System.Text.Json;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests;

/// <summary>Which queues brokers assign to members that ask, and whether they pull or pop them.</summary>
public class AssignmentTests
{
    [Theory]
    [InlineData("AVG", "0 1 2", "3 4")]
    [InlineData("AVG_BY_CIRCLE", "0 2 4", "1 3")]
    public async Task Queues_that_are_pulled_are_shared_out_by_the_strategy(string strategy, string first, string second)
    {
        await using var test = await StartAsync(queues: 5);
        var members = await JoinAsync(test, "c1", "c2");
        Assert.Equal([first, second], await Task.WhenAll(members.Select(async member => Ids(await QueryAsync(member, strategy)))));
        Assert.All((await QueryAsync(members[0], strategy)).EnumerateArray(), queue => Assert.Equal("PULL", queue.GetProperty("mode").GetString()));
    }

    [Fact]
    public async Task A_group_that_pops_gets_each_broker_as_a_whole()
    {
        await using var test = await StartAsync(queues: 3);
        var other = await test.RocketMQ.AddBrokerAsync("broker-b");
        other.CreateTopic("orders", 2);
        var members = await JoinAsync(test, "c1", "c2");
        await SetModeAsync(members[0], 0);
        var assigned = await QueryAsync(members[1]);
        Assert.Equal(
            [("broker-a", -1, "POP"), ("broker-b", -1, "POP")],
            assigned.EnumerateArray().Select(queue => (
                queue.GetProperty("messageQueue").GetProperty("brokerName").GetString(),
                queue.GetProperty("messageQueue").GetProperty("queueId").GetInt32(),
                queue.GetProperty("mode").GetString())).Order());
    }

    [Theory]
    [InlineData(6, 1, "0 1 2 3", "2 3 4 5", "0 1 4 5")]
    [InlineData(6, 2, "-1", "-1", "-1")]
    [InlineData(2, 1, "0", "1", "0")]
    public async Task Members_share_the_queues_of_those_that_follow_them(int queues, int share, params string[] expected)
    {
        await using var test = await StartAsync(queues);
        var members = await JoinAsync(test, "c1", "c2", "c3", "c4");
        await members[3].DisposeAsync();
        await Eventually.TrueAsync(() => test.Broker.ClientsOf("g").Count == 3);
        await SetModeAsync(members[0], share);
        Assert.Equal(expected, await Task.WhenAll(members.Take(3).Select(async member => Ids(await QueryAsync(member)))));
    }

    [Fact]
    public async Task Who_cannot_be_told_keeps_what_he_has()
    {
        await using var test = await StartAsync(queues: 2);
        var client = await test.ConnectAsync("c1");
        Assert.Equal("{}", (await AskAsync(client)).BodyText());
        await client.HeartbeatAsync("g", subscriptions: TestClient.Tags("orders"));
        Assert.Equal("{}", (await AskAsync(client, topic: "unknown")).BodyText());
        Assert.Equal("{}", (await AskAsync(client, strategy: "OTHER")).BodyText());
        Assert.Equal("""{"messageQueueAssignments":[]}""", (await AskAsync(client, clientId: "somebody else")).BodyText());
        Assert.Equal("0 1", Ids((await AskAsync(client, model: "BROADCASTING", strategy: "OTHER")).Json().GetProperty("messageQueueAssignments")));
    }

    [Fact]
    public async Task Modes_are_refused_as_by_a_real_broker_told_and_kept()
    {
        using var folder = new TempFolder();
        await using (var test = await StartAsync(queues: 2, options => options with { DataFolder = folder.Path, AutoCreateGroups = false }))
        {
            var client = await test.ConnectAsync("c1");
            (await SetModeAsync(client, 3, topic: "%RETRY%g")).FailedWith(ResponseCodes.NoPermission);
            (await SetModeAsync(client, 3, topic: "unknown")).FailedWith(ResponseCodes.TopicNotExist);
            (await SetModeAsync(client, 3)).FailedWith(ResponseCodes.SubscriptionGroupNotExist);
        }

        await using (var test = await StartAsync(queues: 2, options => options with { DataFolder = folder.Path }))
        {
            (await SetModeAsync(await test.ConnectAsync("c1"), 3)).Succeeded();
        }

        await using var again = await StartAsync(queues: 2, options => options with { DataFolder = folder.Path });
        var member = (await JoinAsync(again, "c1"))[0];
        Assert.Equal("-1", Ids(await QueryAsync(member)));
        Assert.Equal(
            """{"messageRequestModeMap":{"orders":{"g":{"consumerGroup":"g","mode":"POP","popShareQueueNum":3,"topic":"orders"}}}}""",
            (await member.InvokeAsync(RequestCodes.GetAllMessageRequestMode)).Succeeded().BodyText());
    }

    private static async Task<TestBroker> StartAsync(int queues, Func<EmbeddedRocketMQOptions, EmbeddedRocketMQOptions>? change = null)
    {
        var test = await TestBroker.StartAsync(change);
        test.Broker.CreateTopic("orders", queues);
        return test;
    }

    private static async Task<IReadOnlyList<TestClient>> JoinAsync(TestBroker test, params string[] clientIds)
    {
        var members = new List<TestClient>();
        foreach (var clientId in clientIds)
        {
            members.Add(await test.ConnectAsync(clientId));
            (await members[^1].HeartbeatAsync("g", subscriptions: TestClient.Tags("orders"))).Succeeded();
        }

        return members;
    }

    private static Task<Framing.RemotingCommand> SetModeAsync(TestClient client, int share, string topic = "orders") => client.InvokeAsync(
        RequestCodes.SetMessageRequestMode,
        JsonSerializer.SerializeToUtf8Bytes(
            new SetMessageRequestModeRequest { Topic = topic, ConsumerGroup = "g", Mode = MessageRequestMode.Pop, PopShareQueueNum = share },
            ProtocolJson.Default.SetMessageRequestModeRequest));

    private static Task<Framing.RemotingCommand> AskAsync(
        TestClient client, string topic = "orders", string strategy = "AVG", string model = ConsumerDataValues.Clustering, string? clientId = null) => client.InvokeAsync(
        RequestCodes.QueryAssignment,
        JsonSerializer.SerializeToUtf8Bytes(
            new QueryAssignmentRequest { Topic = topic, ConsumerGroup = "g", ClientId = clientId ?? client.ClientId, StrategyName = strategy, MessageModel = model },
            ProtocolJson.Default.QueryAssignmentRequest));

    private static async Task<JsonElement> QueryAsync(TestClient client, string strategy = "AVG")
        => (await AskAsync(client, strategy: strategy)).Succeeded().Json().GetProperty("messageQueueAssignments");

    private static string Ids(JsonElement assigned)
        => string.Join(' ', assigned.EnumerateArray().Select(queue => queue.GetProperty("messageQueue").GetProperty("queueId").GetInt32()).Order());
}
