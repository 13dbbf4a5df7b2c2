using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests;

public class NameServerTests
{
    [Fact]
    public async Task A_route_names_the_broker_and_its_queues()
    {
        await using var test = await TestBroker.StartAsync();
        test.RocketMQ.CreateTopic("orders", 3);
        var client = await test.ConnectToNameServerAsync();

        var route = (await client.InvokeAsync(RequestCodes.GetRouteInfoByTopic, ("topic", "orders"))).Succeeded();

        var data = TolerantJson.Read(route.Body.Span, ProtocolJson.Default.TopicRouteData);
        Assert.Equal(new QueueData { BrokerName = "broker-a", Perm = 6, ReadQueueNums = 3, WriteQueueNums = 3 }, Assert.Single(data.QueueDatas));
        var broker = Assert.Single(data.BrokerDatas);
        Assert.Equal("broker-a", broker.BrokerName);
        Assert.Equal("DefaultCluster", broker.Cluster);
        Assert.Equal(test.Broker.Address, broker.BrokerAddrs[0]);
        Assert.Contains("\"brokerAddrs\":{\"0\":", route.BodyText(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(400, null, "{0:")]
    [InlineData(400, true, "{\"0\":")]
    [InlineData(401, null, "{\"0\":")]
    public async Task Old_clients_get_bare_numbers_as_keys(int version, bool? standardOnly, string expected)
    {
        await using var test = await TestBroker.StartAsync();
        test.RocketMQ.CreateTopic("orders");
        var client = await test.ConnectToNameServerAsync();

        var request = new RemotingCommand { Code = RequestCodes.GetRouteInfoByTopic, Version = version }.Set("topic", "orders");
        if (standardOnly is { } only)
        {
            request.Set("acceptStandardJsonOnly", only);
        }

        Assert.Contains("\"brokerAddrs\":" + expected, (await client.InvokeAsync(request)).BodyText(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unknown_topic_is_answered_in_Javas_words()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectToNameServerAsync();

        var response = (await client.InvokeAsync(RequestCodes.GetRouteInfoByTopic, ("topic", "nowhere"))).FailedWith(ResponseCodes.TopicNotExist);

        Assert.Equal(
            "No topic route info in name server for the topic: nowhere\nSee https://rocketmq.apache.org/docs/bestPractice/06FAQ for further details.",
            response.Remark);
    }

    [Fact]
    public async Task Several_brokers_share_a_name_server_and_come_and_go()
    {
        await using var test = await TestBroker.StartAsync();
        var second = await test.RocketMQ.AddBrokerAsync("broker-b");
        test.RocketMQ.CreateTopic("orders", 2);
        var client = await test.ConnectToNameServerAsync();

        async Task<string[]> RouteAsync()
        {
            var response = (await client.InvokeAsync(RequestCodes.GetRouteInfoByTopic, ("topic", "orders"))).Succeeded();
            return [.. TolerantJson.Read(response.Body.Span, ProtocolJson.Default.TopicRouteData).QueueDatas.Select(queue => queue.BrokerName)];
        }

        Assert.Equal(["broker-a", "broker-b"], await RouteAsync());

        await second.StopAsync(unregister: false);
        Assert.Equal(["broker-a", "broker-b"], await RouteAsync());

        await second.StartAsync();
        await second.StopAsync();
        Assert.Equal(["broker-a"], await RouteAsync());

        await second.StartAsync();
        Assert.Equal(["broker-a", "broker-b"], await RouteAsync());
    }

    [Fact]
    public async Task The_cluster_and_its_topics_can_be_listed()
    {
        await using var test = await TestBroker.StartAsync();
        test.RocketMQ.CreateTopic("orders");
        var client = await test.ConnectToNameServerAsync();

        var cluster = (await client.InvokeAsync(RequestCodes.GetBrokerClusterInfo)).Succeeded();
        var topics = (await client.InvokeAsync(RequestCodes.GetAllTopicListFromNameServer)).Succeeded();

        Assert.Equal(
            $"{{\"brokerAddrTable\":{{\"broker-a\":{{\"brokerAddrs\":{{0:\"{test.Broker.Address}\"}},\"brokerName\":\"broker-a\",\"cluster\":\"DefaultCluster\",\"enableActingMaster\":false}}}},\"clusterAddrTable\":{{\"DefaultCluster\":[\"broker-a\"]}}}}",
            cluster.BodyText());
        var names = topics.Json().GetProperty("topicList").EnumerateArray().Select(name => name.GetString()).ToArray();
        Assert.Contains("orders", names);
        Assert.Contains("TBW102", names);
    }

    [Fact]
    public async Task Unknown_request_codes_are_refused()
    {
        await using var test = await TestBroker.StartAsync();

        (await (await test.ConnectToNameServerAsync()).InvokeAsync(9999)).FailedWith(ResponseCodes.RequestCodeNotSupported);
        (await (await test.ConnectAsync()).InvokeAsync(200055)).FailedWith(ResponseCodes.RequestCodeNotSupported);
        (await (await test.ConnectAsync()).InvokeAsync(RequestCodes.SendReplyMessage)).FailedWith(ResponseCodes.RequestCodeNotSupported);
    }

    [Fact]
    public async Task The_name_server_comes_back_on_its_port()
    {
        await using var test = await TestBroker.StartAsync();
        test.RocketMQ.CreateTopic("orders");
        var address = test.RocketMQ.NameServerAddress;
        var before = await test.ConnectToNameServerAsync();

        await test.RocketMQ.NameServer.StopAsync();
        await before.Closed.WithinDeadline();
        await Assert.ThrowsAnyAsync<System.Net.Sockets.SocketException>(() => TestClient.ConnectAsync(address));

        test.RocketMQ.NameServer.Start();
        Assert.Equal(address, test.RocketMQ.NameServerAddress);
        var after = await test.ConnectToNameServerAsync();
        (await after.InvokeAsync(RequestCodes.GetRouteInfoByTopic, ("topic", "orders"))).Succeeded();
    }
}
