using System.Collections.Concurrent;
using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Connections;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests.Clients;

public sealed class RouteTableTests : IAsyncLifetime
{
    private readonly FakeCluster _cluster = new();
    private readonly FakeTimeProvider _time = new();
    private readonly RemotingClient _remoting;

    private readonly ConcurrentQueue<TopicRoute> _changes = new();
    private readonly RouteTable _routes;

    public RouteTableTests()
    {
        _remoting = new RemotingClient(new RemotingOptions(), _time, NullLogger.Instance);
        _routes = new RouteTable(new NameServerClient(_remoting, [_cluster.NameServer.Address], NullLogger.Instance), NullLogger.Instance);
        _routes.Changed += _changes.Enqueue;
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await _remoting.DisposeAsync();
        await _cluster.DisposeAsync();
    }

    [Fact]
    public async Task A_known_route_is_not_asked_for_again()
    {
        _cluster.SetRoute("T", 2, ("b", 0, "h:1"));
        Assert.Null(_routes.Find("T"));
        var route = await _routes.GetAsync("T").InTime();
        Assert.Same(route, await _routes.GetAsync("T").InTime());
        Assert.Same(route, _routes.Find("T"));
        Assert.Single(_cluster.NameServer.Received);
        Assert.Same(route, Assert.Single(_changes));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("b:5000000")]
    public async Task A_route_of_more_queues_than_allowed_is_refused_before_they_are_made_and_holds_up_no_other(string? order)
    {
        _cluster.SetRoute("hostile", FakeCluster.RouteOf(order is null ? 5_000_000 : 1, ("b", 0, "h:1")) with { OrderTopicConf = order });
        _cluster.SetRoute("largest", TopicRoute.MaxQueues, ("b", 0, "h:1"));
        Assert.Equal(TopicRoute.MaxQueues, (await _routes.GetAsync("largest").InTime()).ReadQueues.Count);
        var data = FakeCluster.RouteOf(order is null ? 5_000_000 : 1, ("b", 0, "h:1")) with { OrderTopicConf = order };
        var before = GC.GetAllocatedBytesForCurrentThread();
        var refused = Assert.Throws<MessageFormatException>(() => TopicRoute.From("hostile", data));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_000_000);
        Assert.Contains("'hostile'", refused.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<MessageFormatException>(() => _routes.GetAsync("hostile").InTime());
        _cluster.SetRoute("largest", 1, ("b", 0, "h:1"));
        await Assert.ThrowsAsync<MessageFormatException>(() => _routes.RefreshAsync().InTime());
        Assert.Single(_routes.Find("largest")!.ReadQueues);
    }

    [Fact]
    public async Task A_handler_of_changed_routes_that_fails_keeps_the_change_from_no_other()
    {
        var log = new TestLog();
        var routes = new RouteTable(new NameServerClient(_remoting, [_cluster.NameServer.Address], log), log);
        var told = new ConcurrentQueue<TopicRoute>();
        routes.Changed += _ => throw new InvalidOperationException("unexpected");
        routes.Changed += told.Enqueue;
        _cluster.SetRoute("T", 2, ("b", 0, "h:1"));
        var route = await routes.GetAsync("T").InTime();
        Assert.Same(route, Assert.Single(told));
        Assert.Equal(1, log.Count(Microsoft.Extensions.Logging.LogLevel.Error));
    }

    [Fact]
    public async Task Those_who_ask_at_once_share_one_request()
    {
        _cluster.NameServerHangs = true;
        var asking = Enumerable.Range(0, 10).Select(_ => _routes.GetAsync("T").AsTask()).ToList();
        using var impatient = new CancellationTokenSource();
        var given = _routes.GetAsync("T", impatient.Token).AsTask();
        await Eventually.Holds(() => !_cluster.NameServer.Received.IsEmpty);
        await impatient.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => given.InTime());
        var request = Assert.Single(_cluster.NameServer.Received);
        await _cluster.NameServer.Connections.First().AnswerAsync(request, body: """{"queueDatas":[{"brokerName":"b","perm":4,"readQueueNums":1}],"brokerDatas":[]}"""u8.ToArray());
        var routes = await Task.WhenAll(asking).InTime();
        Assert.All(routes, route => Assert.Same(routes[0], route));
        Assert.Single(_cluster.NameServer.Received);
    }

    [Fact]
    public async Task A_topic_that_does_not_exist_stays_watched_and_is_found_later()
    {
        await Assert.ThrowsAsync<TopicNotFoundException>(() => _routes.GetAsync("T").InTime());
        await _routes.RefreshAsync().InTime();
        Assert.Empty(_changes);
        _cluster.SetRoute("T", 2, ("b", 0, "h:1"));
        await _routes.RefreshAsync().InTime();
        Assert.Equal("T", Assert.Single(_changes).Topic);
        Assert.NotNull(_routes.Find("T"));
    }

    [Fact]
    public async Task Only_a_route_that_differs_counts_as_changed_whatever_its_order()
    {
        _cluster.SetRoute("T", 2, ("a", 0, "h:1"), ("b", 0, "h:2"), ("b", 1, "h:3"));
        await _routes.GetAsync("T").InTime();
        _cluster.SetRoute("T", 2, ("b", 1, "h:3"), ("b", 0, "h:2"), ("a", 0, "h:1"));
        await _routes.RefreshAsync().InTime();
        Assert.Single(_changes);
        _cluster.SetRoute("T", 3, ("b", 1, "h:3"), ("b", 0, "h:2"), ("a", 0, "h:1"));
        await _routes.RefreshAsync().InTime();
        Assert.Equal(2, _changes.Count);
        Assert.Equal(6, _changes.Last().ReadQueues.Count);
        _cluster.SetRoute("T", 3, ("b", 1, "h:3"), ("b", 0, "h:9"), ("a", 0, "h:1"));
        await _routes.RefreshAsync().InTime();
        Assert.Equal(3, _changes.Count);
        Assert.Equal("h:9", _routes.FindAddress("b")?.Address);
    }

    [Fact]
    public async Task The_last_known_route_is_kept_while_the_name_server_has_none()
    {
        _cluster.SetRoute("T", 2, ("b", 0, "h:1"));
        await _routes.GetAsync("T").InTime();
        _cluster.RemoveRoute("T");
        await _routes.RefreshAsync().InTime();
        Assert.Equal(2, _routes.Find("T")?.ReadQueues.Count);
        Assert.Equal("h:1", _routes.FindAddress("b")?.Address);
        await Assert.ThrowsAsync<TopicNotFoundException>(() => _routes.RefreshAsync("T").InTime());
    }

    [Fact]
    public async Task A_silent_name_server_is_an_error_of_the_refresh_and_known_routes_stay()
    {
        _cluster.SetRoute("T", 2, ("b", 0, "h:1"));
        await _routes.GetAsync("T").InTime();
        _cluster.NameServerHangs = true;
        var refreshing = _routes.RefreshAsync();
        await Eventually.Holds(() => _cluster.NameServer.Received.Count == 2);
        _time.Advance(TimeSpan.FromSeconds(4));
        await Assert.ThrowsAsync<NameServerException>(() => refreshing.InTime());
        Assert.NotNull(_routes.Find("T"));
    }

    [Fact]
    public async Task A_topic_whose_route_cannot_be_read_keeps_no_other_from_being_refreshed()
    {
        await using var server = ScriptedPeer.Answering(request => request["topic"] == "refused"
            ? RemotingCommand.Response(request, ResponseCodes.NoPermission, "not yours")
            : RemotingCommand.Response(request, ResponseCodes.Success, body: """{"brokerDatas":[],"queueDatas":[]}"""u8.ToArray()));
        var routes = new RouteTable(new NameServerClient(_remoting, [server.Address], NullLogger.Instance), NullLogger.Instance);
        var others = Enumerable.Range(0, 40).Select(n => $"t{n}").ToList();
        others.ForEach(routes.Watch);
        routes.Watch("refused");
        await Assert.ThrowsAsync<NameServerException>(() => routes.RefreshAsync().InTime());
        Assert.All(others, topic => Assert.NotNull(routes.Find(topic)));
    }

    [Fact]
    public async Task A_broker_is_known_as_long_as_it_is_in_some_route()
    {
        _cluster.SetRoute("T", 1, ("a", 0, "h:1"), ("b", 0, "h:2"), ("b", 1, "h:3"));
        _cluster.SetRoute("U", 1, ("b", 0, "h:2"), ("b", 1, "h:3"));
        await _routes.GetAsync("T").InTime();
        await _routes.GetAsync("U").InTime();
        Assert.Equal([new("a", 0, "h:1"), new("b", 0, "h:2"), new("b", 1, "h:3")], _routes.Brokers);
        Assert.Equal([false, false, true], _routes.Brokers.Select(broker => broker.IsSlave));
        Assert.Equal(["a", "b"], _routes.BrokerNames.Order());
        _cluster.SetRoute("T", 1, ("b", 0, "h:2"), ("b", 1, "h:3"));
        await _routes.RefreshAsync().InTime();
        Assert.Null(_routes.FindAddress("a"));
        _routes.Unwatch("T");
        Assert.NotNull(_routes.FindAddress("b"));
        _routes.Unwatch("U");
        Assert.Null(_routes.FindAddress("b"));
        Assert.Empty(_routes.Brokers);
    }

    [Fact]
    public async Task Another_member_of_the_set_stands_in_unless_only_this_one_will_do()
    {
        _cluster.SetRoute("T", 1, ("b", 0, "m:1"), ("b", 1, "s:1"), ("b", 3, "s:3"));
        _cluster.SetRoute("U", 1, ("c", 2, "c:2"));
        await _routes.GetAsync("T").InTime();
        await _routes.GetAsync("U").InTime();
        Assert.Equal("m:1", _routes.FindAddress("b")?.Address);
        Assert.Equal(("s:1", true), (_routes.FindAddress("b", 1)?.Address, _routes.FindAddress("b", 1)?.IsSlave));
        Assert.Equal("s:3", _routes.FindAddress("b", 2)?.Address);
        Assert.Equal("m:1", _routes.FindAddress("b", 9)?.Address);
        Assert.Null(_routes.FindAddress("b", 9, onlyThisBroker: true));
        Assert.Equal(("c:2", true), (_routes.FindAddress("c")?.Address, _routes.FindAddress("c")?.IsSlave));
        Assert.Null(_routes.FindAddress("c", onlyThisBroker: true));
        Assert.Null(_routes.FindAddress("none"));
    }

    [Fact]
    public async Task Any_broker_of_a_topic_is_a_master_where_there_is_one()
    {
        _cluster.SetRoute("T", 1, ("a", 0, "m:1"), ("a", 1, "s:1"), ("b", 2, "s:2"), ("b", 3, "s:3"));
        Assert.Null(_routes.FindAnyBroker("T"));
        await _routes.GetAsync("T").InTime();
        var found = Enumerable.Range(0, 200).Select(_ => _routes.FindAnyBroker("T")?.Address).Distinct().Order();
        Assert.Equal(["m:1", "s:2", "s:3"], found);
    }

    [Fact]
    public async Task A_handler_that_fails_does_no_harm()
    {
        _routes.Changed += _ => throw new InvalidOperationException("of no concern");
        _cluster.SetRoute("T", 1, ("b", 0, "h:1"));
        await _routes.GetAsync("T").InTime();
        Assert.NotNull(_routes.Find("T"));
    }

    [Fact]
    public void Queues_are_read_and_written_as_permissions_and_masters_allow()
    {
        var data = FakeCluster.RouteOf(2, ("c", 0, "h:1"), ("a", 0, "h:2"), ("b", 1, "h:3"), ("d", 0, "h:4"), ("e", 0, "h:5"));
        data = data with { QueueDatas = [.. data.QueueDatas.Select(queues => queues.BrokerName switch { "d" => queues with { Perm = 4 }, "e" => queues with { Perm = 2 }, _ => queues })] };
        var route = TopicRoute.From("T", data);
        Assert.Equal(["a0", "a1", "b0", "b1", "c0", "c1", "d0", "d1"], route.ReadQueues.Select(queue => queue.BrokerName + queue.QueueId));
        Assert.Equal(["a0", "a1", "c0", "c1", "e0", "e1"], route.WriteQueues.Select(queue => queue.BrokerName + queue.QueueId));
    }

    [Fact]
    public void An_ordered_topics_setting_says_which_queues_are_written_in_the_order_Java_gives_them()
    {
        var route = TopicRoute.From("T", FakeCluster.RouteOf(4, ("a", 0, "h:1"), ("b", 0, "h:2")) with { OrderTopicConf = "b:2;a:1" });
        Assert.Equal(["b0", "b1", "a0"], route.WriteQueues.Select(queue => queue.BrokerName + queue.QueueId));
        Assert.Equal(8, route.ReadQueues.Count);
    }
}
