using System.Text.Json;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests;

public class MembershipTests
{
    [Fact]
    public async Task A_heartbeat_makes_the_group_its_retry_topic_and_a_member()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync("c1");

        var answer = (await client.HeartbeatAsync("g", subscriptions: TestClient.Tags("orders"))).Succeeded();

        Assert.Equal("true", answer["IS_SUPPORT_HEART_BEAT_V2"]);
        Assert.Equal("true", answer["IS_SUB_CHANGE"]);
        Assert.Equal(ProtocolVersion.Current, answer.Version);
        Assert.Equal(1, test.Broker.QueueCount("%RETRY%g"));
        Assert.Equal(["c1"], test.Broker.ClientsOf("g"));
        Assert.Equal("{\"consumerIdList\":[\"c1\"]}", (await ListAsync(client, "g")).Succeeded().BodyText());
    }

    [Fact]
    public async Task A_group_without_members_has_no_list()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();

        Assert.Equal("no consumer for this group, g", (await ListAsync(client, "g")).FailedWith(ResponseCodes.SystemError).Remark);
    }

    [Fact]
    public async Task Members_are_told_when_one_comes_leaves_or_is_lost()
    {
        await using var test = await TestBroker.StartAsync();
        var first = await test.ConnectAsync("c1");
        var second = await test.ConnectAsync("c2");
        var third = await test.ConnectAsync("c3");

        await first.HeartbeatAsync("g", subscriptions: TestClient.Tags("orders"));
        await Eventually.TrueAsync(() => first.NotificationsOf("g") == 1);
        await second.HeartbeatAsync("g", subscriptions: TestClient.Tags("orders"));
        await Eventually.TrueAsync(() => first.NotificationsOf("g") == 2 && second.NotificationsOf("g") == 1);
        await third.HeartbeatAsync("g", subscriptions: TestClient.Tags("orders"));
        await Eventually.TrueAsync(() => first.NotificationsOf("g") == 3);

        // Nothing new, so nobody is told.
        await third.HeartbeatAsync("g", subscriptions: TestClient.Tags("orders"));
        await third.HeartbeatAsync("g", subscriptions: TestClient.Tags("orders", "newer", version: 9));

        (await third.InvokeAsync(RequestCodes.UnregisterClient, ("clientID", "c3"), ("consumerGroup", "g"))).Succeeded();
        await Eventually.TrueAsync(() => first.NotificationsOf("g") == 4);
        await second.DisposeAsync();
        await Eventually.TrueAsync(() => first.NotificationsOf("g") == 5);
        Assert.Equal(["c1"], test.Broker.ClientsOf("g"));
        Assert.All(first.Received, notification => Assert.True(notification.IsOneWay));
        Assert.Equal(5, first.NotificationsOf("g"));
    }

    [Fact]
    public async Task Members_are_told_when_the_group_subscribes_to_more_or_fewer_topics()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();

        await client.HeartbeatAsync("g", subscriptions: TestClient.Tags("orders"));
        await client.HeartbeatAsync("g", subscriptions: [TestClient.Tags("orders"), TestClient.Tags("bills")]);
        await client.HeartbeatAsync("g", subscriptions: TestClient.Tags("bills"));

        await Eventually.TrueAsync(() => client.NotificationsOf("g") == 3);
    }

    [Fact]
    public async Task Members_of_a_broadcasting_group_are_not_told_of_each_other()
    {
        await using var test = await TestBroker.StartAsync();
        var first = await test.ConnectAsync("c1");
        var second = await test.ConnectAsync("c2");

        await first.HeartbeatAsync("quiet", ConsumerDataValues.Broadcasting, subscriptions: TestClient.Tags("orders"));
        await second.HeartbeatAsync("quiet", ConsumerDataValues.Broadcasting, subscriptions: TestClient.Tags("orders"));
        await first.HeartbeatAsync("loud", subscriptions: TestClient.Tags("orders"));

        await Eventually.TrueAsync(() => first.NotificationsOf("loud") == 1);
        Assert.Equal(0, first.NotificationsOf("quiet"));
        Assert.Equal(2, test.Broker.ClientsOf("quiet").Count);
    }

    [Fact]
    public async Task Members_are_not_told_when_the_group_is_set_so()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();
        await client.InvokeAsync(RequestCodes.UpdateAndCreateSubscriptionGroup, "{\"groupName\":\"quiet\",\"notifyConsumerIdsChangedEnable\":false}"u8.ToArray());

        await client.HeartbeatAsync("quiet", subscriptions: TestClient.Tags("orders"));
        await client.HeartbeatAsync("loud", subscriptions: TestClient.Tags("orders"));

        await Eventually.TrueAsync(() => client.NotificationsOf("loud") == 1);
        Assert.Equal(0, client.NotificationsOf("quiet"));
    }

    [Fact]
    public async Task A_client_that_falls_silent_is_forgotten_after_120_seconds_and_its_connection_closed()
    {
        await using var test = await TestBroker.StartAsync();
        var silent = await test.ConnectAsync("silent");
        var lively = await test.ConnectAsync("lively");
        await silent.HeartbeatAsync("g", subscriptions: TestClient.Tags("orders"));

        for (var seconds = 0; seconds < 120; seconds += 30)
        {
            await lively.HeartbeatAsync("g", subscriptions: TestClient.Tags("orders"));
            Assert.Equal(2, test.Broker.ClientsOf("g").Count);
            test.Time.Advance(TimeSpan.FromSeconds(30));
        }

        test.Time.Advance(TimeSpan.FromSeconds(11));
        await silent.Closed.WithinDeadline();
        Assert.Equal(["lively"], test.Broker.ClientsOf("g"));
        Assert.False(lively.IsClosed);
    }

    [Fact]
    public async Task A_short_heartbeat_of_version_2_keeps_the_subscriptions()
    {
        await using var test = await TestBroker.StartAsync();
        var first = await test.ConnectAsync("c1");
        var second = await test.ConnectAsync("c2");
        await first.SendAsync("orders", "x");

        Assert.Equal("false", (await first.HeartbeatAsync("g", fingerprint: 77, subscriptions: TestClient.Tags("orders")))["IS_SUB_CHANGE"]);
        Assert.Equal("false", (await first.HeartbeatAsync("g", fingerprint: 77, withoutSub: true))["IS_SUB_CHANGE"]);
        (await first.PullAsync("g", "orders", 0, subscription: null)).Succeeded();

        // The group's one fingerprint is now another member's: everybody has to send all again.
        Assert.Equal("true", (await second.HeartbeatAsync("g", fingerprint: 88, subscriptions: TestClient.Tags("orders")))["IS_SUB_CHANGE"]);
        Assert.Equal("true", (await first.HeartbeatAsync("g", fingerprint: 77, withoutSub: true))["IS_SUB_CHANGE"]);
        Assert.Equal(2, test.Broker.ClientsOf("g").Count);
    }

    [Fact]
    public async Task The_connections_of_a_group_are_listed()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync("c1");

        var offline = await client.InvokeAsync(RequestCodes.GetConsumerConnectionList, ("consumerGroup", "g"));
        Assert.Equal("the consumer group[g] not online", offline.FailedWith(ResponseCodes.ConsumerNotOnline).Remark);

        await client.HeartbeatAsync("g", subscriptions: TestClient.Tags("orders", "a || b", version: 3));
        var json = (await client.InvokeAsync(RequestCodes.GetConsumerConnectionList, ("consumerGroup", "g"))).Succeeded().Json();

        var connection = json.GetProperty("connectionSet")[0];
        Assert.Equal("c1", connection.GetProperty("clientId").GetString());
        Assert.Equal("DOTNET", connection.GetProperty("language").GetString());
        Assert.StartsWith("127.0.0.1:", connection.GetProperty("clientAddr").GetString(), StringComparison.Ordinal);
        Assert.Equal("CONSUME_PASSIVELY", json.GetProperty("consumeType").GetString());
        Assert.Equal("a || b", json.GetProperty("subscriptionTable").GetProperty("orders").GetProperty("subString").GetString());
    }

    [Fact]
    public async Task A_client_may_ask_whether_its_expression_can_be_read()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();

        async Task<int> CheckAsync(SubscriptionData subscription)
        {
            var check = new CheckClientRequest { ClientId = "c", Group = "g", SubscriptionData = subscription };
            return (await client.InvokeAsync(RequestCodes.CheckClientConfig, JsonSerializer.SerializeToUtf8Bytes(check, ProtocolJson.Default.CheckClientRequest))).Code;
        }

        Assert.Equal(ResponseCodes.Success, await CheckAsync(TestClient.Tags("orders", "a")));
        Assert.Equal(ResponseCodes.Success, await CheckAsync(TestClient.Sql("orders", "a between 3 and 5 AND color = 'red'")));
        Assert.Equal(ResponseCodes.SubscriptionParseFailed, await CheckAsync(TestClient.Sql("orders", "a between")));
    }

    [Fact]
    public async Task What_is_asked_of_one_consumer_is_passed_on_with_its_answer()
    {
        await using var test = await TestBroker.StartAsync();
        var consumer = await test.ConnectAsync("c1");
        var admin = await test.ConnectAsync();
        await consumer.HeartbeatAsync("g", subscriptions: TestClient.Tags("orders"));
        var id = (await admin.SendAsync("orders", "try this"))["msgId"];
        consumer.Answering = request => Framing.RemotingCommand.Response(request, ResponseCodes.Success, body: "{}"u8.ToArray());

        var info = await admin.InvokeAsync(RequestCodes.GetConsumerRunningInfo, ("consumerGroup", "g"), ("clientId", "c1"), ("jstackEnable", false));
        Assert.Equal("{}", info.Succeeded().BodyText());
        Assert.Contains(consumer.Received, request => request.Code == RequestCodes.GetConsumerRunningInfo && request["jstackEnable"] == "false");

        (await admin.InvokeAsync(RequestCodes.ConsumeMessageDirectly, ("consumerGroup", "g"), ("clientId", "c1"), ("msgId", id))).Succeeded();
        var direct = consumer.Received.Single(request => request.Code == RequestCodes.ConsumeMessageDirectly);
        Assert.Equal("broker-a", direct["brokerName"]);
        Assert.Equal("try this", direct.Bodies().Single());

        var nobody = await admin.InvokeAsync(RequestCodes.GetConsumerRunningInfo, ("consumerGroup", "g"), ("clientId", "c2"));
        Assert.Equal("The Consumer <g> <c2> not online", nobody.FailedWith(ResponseCodes.SystemError).Remark);
    }

    [Fact]
    public async Task Two_connections_of_one_client_are_two_members()
    {
        await using var test = await TestBroker.StartAsync();
        var first = await test.ConnectAsync("same");
        var second = await test.ConnectAsync("same");

        await first.HeartbeatAsync("g", subscriptions: TestClient.Tags("orders"));
        await second.HeartbeatAsync("g", subscriptions: TestClient.Tags("orders"));

        Assert.Equal(["same", "same"], test.Broker.ClientsOf("g"));
    }

    private static Task<Framing.RemotingCommand> ListAsync(TestClient client, string group)
        => client.InvokeAsync(RequestCodes.GetConsumerListByGroup, ("consumerGroup", group));
}
