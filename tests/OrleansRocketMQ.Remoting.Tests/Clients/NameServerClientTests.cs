using System.Text;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Connections;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests.Clients;

public sealed class NameServerClientTests : IAsyncLifetime
{
    private const string Route = """{"brokerDatas":[{"brokerAddrs":{"0":"10.0.0.1:10911"},"brokerName":"b","cluster":"c"}],"queueDatas":[{"brokerName":"b","perm":6,"readQueueNums":2,"writeQueueNums":2}]}""";

    private readonly TestLog _log = new();
    private readonly ScriptedPeer _server = ScriptedPeer.Answering(request => RemotingCommand.Response(request, ResponseCodes.Success, body: Encoding.UTF8.GetBytes(Route)));
    private readonly RemotingClient _remoting;

    public NameServerClientTests() => _remoting = new RemotingClient(
        new RemotingOptions { ReconnectBackoff = TimeSpan.FromMilliseconds(1), MaxReconnectBackoff = TimeSpan.FromMilliseconds(1), RequestTimeout = Eventually.Deadline },
        TimeProvider.System,
        _log);

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await _remoting.DisposeAsync();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task A_route_is_asked_for_as_standard_JSON()
    {
        var route = await Client(_server.Address).GetRouteAsync("T").InTime();
        Assert.Equal("10.0.0.1:10911", route.BrokerDatas[0].BrokerAddrs[0]);
        var request = Assert.Single(_server.Received);
        Assert.Equal(new Dictionary<string, string> { ["topic"] = "T", ["acceptStandardJsonOnly"] = "true" }, request.ExtFields.ToDictionary());
    }

    [Fact]
    public async Task A_route_with_bare_keys_of_an_old_server_is_read()
    {
        await using var old = ScriptedPeer.Answering(request => RemotingCommand.Response(
            request, ResponseCodes.Success, body: Encoding.UTF8.GetBytes(Route.Replace("\"0\"", "0", StringComparison.Ordinal))));
        Assert.Equal("10.0.0.1:10911", (await Client(old.Address).GetRouteAsync("T").InTime()).BrokerDatas[0].BrokerAddrs[0]);
    }

    [Fact]
    public async Task A_topic_is_believed_to_have_no_route_only_when_no_server_knows_it()
    {
        await using var first = ScriptedPeer.Answering(request => RemotingCommand.Response(request, ResponseCodes.TopicNotExist));
        await using var second = ScriptedPeer.Answering(request => RemotingCommand.Response(request, ResponseCodes.TopicNotExist));
        var error = await Assert.ThrowsAsync<TopicNotFoundException>(() => Client(first.Address, second.Address).GetRouteAsync("T").InTime());
        Assert.Equal("T", error.Topic);
        Assert.Equal((1, 1), (first.Received.Count, second.Received.Count));
    }

    [Fact]
    public async Task A_server_that_does_not_know_a_topic_makes_the_next_be_asked()
    {
        await using var ignorant = ScriptedPeer.Answering(request => RemotingCommand.Response(request, ResponseCodes.TopicNotExist));
        // Whichever it begins with, both orders must find it.
        foreach (var servers in new[] { [ignorant.Address, _server.Address], new[] { _server.Address, ignorant.Address } })
        {
            Assert.Single((await Client(servers).GetRouteAsync("T").InTime()).BrokerDatas);
            Assert.Single((await Client(servers).GetRouteAsync("T").InTime()).BrokerDatas);
        }
    }

    [Fact]
    public async Task Servers_that_fail_keep_no_answer_of_another_back()
    {
        await using var broken = ScriptedPeer.Answering(request => RemotingCommand.Response(request, ResponseCodes.SystemError, "name server not ready"));
        await using var nonsense = ScriptedPeer.Answering(request => RemotingCommand.Response(request, ResponseCodes.Success, body: "<html>"u8.ToArray()));
        var client = Client(broken.Address, $"127.0.0.1:{ScriptedPeer.FreePort()}", nonsense.Address, _server.Address);
        for (var round = 0; round < 5; round++)
        {
            Assert.Single((await client.GetRouteAsync("T").InTime()).BrokerDatas);
        }

        Assert.Equal(5, _server.Received.Count);
        Assert.Equal(3, client.Unreachable.Count);
    }

    [Fact]
    public async Task What_only_one_server_knows_of_is_part_of_the_route_whoever_is_asked_first()
    {
        await using var other = ScriptedPeer.Answering(request => RemotingCommand.Response(
            request, ResponseCodes.Success, body: Encoding.UTF8.GetBytes(Route.Replace("\"b\"", "\"c\"", StringComparison.Ordinal))));
        foreach (var servers in new[] { [other.Address, _server.Address], new[] { _server.Address, other.Address } })
        {
            var route = await Client(servers).GetRouteAsync("T").InTime();
            Assert.Equal(["b", "c"], route.BrokerDatas.Select(broker => broker.BrokerName).Order());
            Assert.Equal(["b", "c"], route.QueueDatas.Select(queues => queues.BrokerName).Order());
        }
    }

    [Fact]
    public async Task A_server_that_does_not_answer_is_waited_for_once_and_counts_again_when_it_does()
    {
        var time = new FakeTimeProvider();
        await using var remoting = new RemotingClient(new RemotingOptions(), time, _log);
        await using var silent = new ScriptedPeer();
        var client = new NameServerClient(remoting, [silent.Address, _server.Address], _log);
        var asking = client.GetRouteAsync("T");
        await Eventually.Holds(() => silent.Received.Count == 1 && _server.Received.Count == 1);

        // Before its answer has come, the other one would time out as well.
        await Eventually.Holds(() => remoting.WaitingInSilence(TimeSpan.Zero).All(address => address == silent.Address));
        time.Advance(remoting.Options.RequestTimeout + TimeSpan.FromSeconds(1));
        await asking.InTime();
        for (var round = 0; round < 3; round++)
        {
            // The clock stands still.
            await client.GetRouteAsync("T").InTime();
        }

        silent.OnRequest = (connection, request) => connection.AnswerAsync(request, ResponseCodes.TopicNotExist);
        await Eventually.Holds(() =>
        {
            // Questions under way time out, and the connection is tried again.
            time.Advance(TimeSpan.FromSeconds(1));
            _ = client.GetRouteAsync("T");
            return client.Unreachable.Count == 0;
        });
    }

    [Theory]
    [InlineData("""{"brokerDatas":null,"queueDatas":null,"filterServerTable":null,"orderTopicConf":null}""", 0)]
    [InlineData("""{"brokerDatas":[null,{"brokerAddrs":null,"brokerName":"b","cluster":null}],"queueDatas":[{"brokerName":null,"perm":6,"readQueueNums":1,"writeQueueNums":1},null]}""", 1)]
    [InlineData("""{"brokerDatas":[{"brokerAddrs":{"0":null},"brokerName":"b","cluster":"c"}]}""", 1)]
    public async Task A_list_that_is_null_is_an_empty_one(string json, int brokers)
    {
        await using var server = ScriptedPeer.Answering(request => RemotingCommand.Response(request, ResponseCodes.Success, body: Encoding.UTF8.GetBytes(json)));
        var route = TopicRoute.From("T", await Client(server.Address).GetRouteAsync("T").InTime());
        Assert.Equal(brokers, route.Data.BrokerDatas.Count);
        Assert.All(route.Data.BrokerDatas, broker => Assert.Empty(broker.BrokerAddrs));
        Assert.Empty(route.WriteQueues);
        Assert.NotEmpty(route.ToString());
    }

    [Fact]
    public async Task When_all_fail_each_was_asked_once_and_the_error_holds_every_reason()
    {
        await using var first = ScriptedPeer.Answering(request => RemotingCommand.Response(request, ResponseCodes.SystemError, "first reason"));
        await using var second = ScriptedPeer.Answering(request => RemotingCommand.Response(request, ResponseCodes.SystemBusy, "second reason"));
        var client = Client(first.Address, second.Address);
        var error = await Assert.ThrowsAsync<NameServerException>(() => client.GetRouteAsync("T").InTime());
        Assert.Contains("first reason", error.Message, StringComparison.Ordinal);
        Assert.Contains("second reason", error.Message, StringComparison.Ordinal);
        Assert.Equal(2, Assert.IsType<AggregateException>(error.InnerException).InnerExceptions.Count);
        Assert.Equal((1, 1), (first.Received.Count, second.Received.Count));
    }

    [Fact]
    public async Task A_failing_server_is_logged_once_when_it_goes_and_once_when_it_is_back()
    {
        var fails = true;
        await using var server = ScriptedPeer.Answering(request => RemotingCommand.Response(
            request, fails ? ResponseCodes.SystemError : ResponseCodes.Success, body: Encoding.UTF8.GetBytes(Route)));
        var client = Client(server.Address);
        for (var round = 0; round < 3; round++)
        {
            await Assert.ThrowsAsync<NameServerException>(() => client.GetRouteAsync("T").InTime());
        }

        fails = false;
        await client.GetRouteAsync("T").InTime();
        await client.GetRouteAsync("T").InTime();
        Assert.Equal(1, _log.Count(LogLevel.Warning));
        Assert.Equal(1, _log.Count(LogLevel.Information));
    }

    [Fact]
    public void Addresses_are_read_from_a_list()
    {
        Assert.Equal(["a:9876", "b:9876", "c:1"], RocketMQClientOptions.ParseAddresses(" a:9876; b:9876 ,c:1;a:9876;"));
        Assert.Equal(["inst.mq.example:80", "[::1]:9876"], RocketMQClientOptions.ParseAddresses("http://inst.mq.example:80;HTTP://[::1]:9876/"));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData(";")]
    [InlineData("a")]
    [InlineData("a:9876;b:x")]
    [InlineData("a:9876 b:9876")]
    [InlineData("http://a:9876/rocketmq/nsaddr")]
    [InlineData("https://a:9876")]
    public void A_list_without_an_address_or_with_a_wrong_one_is_refused_by_name(string? text)
        => Assert.Equal("NameServer", Assert.Throws<RocketMQConfigurationException>(() => RocketMQClientOptions.ParseAddresses(text)).Field);

    private NameServerClient Client(params string[] addresses) => new(_remoting, addresses, _log);
}
